// A request as a handler sees it and the answer it gives (RFC 9110, 9112).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace osprey::server::http {

enum class Method : std::uint8_t { get, head, post, put, patch, delete_ };
std::string_view name_of(Method method) noexcept;  // "GET"

using Headers = std::vector<std::pair<std::string, std::string>>;

// What is known before the body is read.
struct RequestHead {
  Method method = Method::get;
  std::string target;  // as sent: path and query
  std::string path;    // up to the query, percent-decoding not yet done
  std::string query;   // without the question mark
  Headers headers;     // names in lower case
  std::string peer;    // numeric address without port; of the client, where a trusted balancer says it
  bool tls = true;
  std::string client_certificate;  // subject (RFC 2253) of the verified certificate; empty without one

  // The first value of `name` (lower case); empty if there is none.
  std::string_view header(std::string_view name) const noexcept;
};

struct Request : RequestHead {
  std::string body;                     // unpacked, where it came gzipped
  std::vector<std::string> parameters;  // what stood at the pattern's {names}, in order, percent-decoded
};

struct Response {
  unsigned status = 200;
  std::string content_type = "application/json";
  Headers headers;
  std::string body;
  // Instead of `body`: one text for many.
  std::shared_ptr<const std::string> shared_body;
  // The connection ends after this answer.
  bool close = false;
};

}  // namespace osprey::server::http
