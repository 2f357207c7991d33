// An HTTP/1.1 reply as it comes in (RFC 9112).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace osprey::fleet {

struct Reply {
  unsigned status = 0;
  std::string body;
  double offered_hold = 0;  // seconds (protocol/held_read.h)
  bool keep_alive = true;
};

class ReplyReader {
 public:
  static constexpr std::size_t kMostBytes = 64 << 20;

  ReplyReader();
  ReplyReader(ReplyReader&&) noexcept;
  ReplyReader& operator=(ReplyReader&&) noexcept;
  ~ReplyReader();

  // True once the reply is whole; what follows it is an error, for nobody has asked yet.
  Result<bool> feed(std::string_view bytes);
  // The same at the connection's end, which ends a reply of unsaid length.
  bool end();
  bool started() const noexcept { return started_; }
  // Once it is whole.
  Reply take();

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
  std::string unread_;
  bool started_ = false;
};

}  // namespace osprey::fleet
