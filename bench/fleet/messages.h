// The requests of osquery's TLS API (compat section 6), as an agent writes them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "fleet/persona.h"

namespace osprey::fleet {

struct RequestHead {
  std::string_view target;
  std::string_view host;  // the header
  std::string_view node_key;
  unsigned hold = 0;  // seconds (protocol/held_read.h)
  bool gzip = false;  // the body is
};
std::string http_request(const RequestHead& head, std::string_view body);

std::string enroll_body(const Persona& host, std::string_view secret);
std::string config_body(std::string_view node_key, std::string_view etag);
std::string read_body(std::string_view node_key);

// Lines with a number each, from `first` on.
struct LineRange {
  std::uint64_t first = 0;
  std::uint32_t count = 0;
};
std::string log_body(const Persona& host, std::string_view node_key, LineRange lines, std::uint32_t line_bytes);

// The answers to distributed queries, of one read together.
class WriteBody {
 public:
  explicit WriteBody(const Persona& host) : host_(host) {}
  // True: the query asks for a carve.
  bool add(std::string_view id, std::string_view sql);
  std::string finish(std::string_view node_key) const;

 private:
  const Persona& host_;
  std::string queries_, statuses_, messages_, stats_;
};

struct Carve {
  static constexpr std::uint32_t kBlockBytes = 8192;
  std::string id, session;
  std::uint32_t bytes = 0, next = 0;  // the next block
  std::uint32_t blocks() const noexcept { return (bytes + kBlockBytes - 1) / kBlockBytes; }
};
std::string carve_begin_body(const Carve& carve, std::string_view node_key);
std::string carve_block_body(const Carve& carve);

std::string gzip(std::string_view text);

}  // namespace osprey::fleet
