// RequestReader: the bytes of one request, in pieces as they come, to the request (RFC 9110, 9112). Beast's parser
// reads; what it lets pass and a server must not take is refused here.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "server/http/body_budget.h"
#include "server/http/message.h"

namespace osprey::server::http {

struct Refusal {
  unsigned status = 400;
  std::string what;
};

struct BodyRules {
  std::size_t cap = 0;   // bytes, unpacked
  bool gzip = false;     // Content-Encoding: gzip is taken
  bool discard = false;  // read and forgotten; `cap` counts what is sent
};

class RequestReader {
 public:
  static constexpr std::size_t kHeadCap = 16 << 10;
  static constexpr std::size_t kHeaders = 100;

  enum class State {
    wants_head,  // feed() more
    has_head,    // expect_body() next
    wants_body,  // feed() more
    complete,
    refused,  // nothing more can be read of this connection
  };

  RequestReader();
  ~RequestReader();

  // Keeps of `bytes` what it cannot use yet. An empty piece is of no use.
  State feed(std::string_view bytes);
  // Says what body is taken, and reads on in what was fed already. Also where there is none.
  State expect_body(const BodyRules& rules, BodyBudget& budget);

  // Whole from has_head on; before, what there is.
  Request& request() noexcept;
  const Refusal& refusal() const noexcept;
  // From has_head on:
  bool keep_alive() const;
  bool http_1_0() const;
  // The client waits for 100 Continue before it sends the body.
  bool expects_continue() const;
  // A body is announced that has not been read: this many bytes, or unknown (chunked: SIZE_MAX).
  std::size_t unread_body() const;

  // Once complete: what stands behind the request, and the memory that its body holds.
  std::string take_rest();
  BodyBudget::Share take_share();

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace osprey::server::http
