// An answer's head as it goes over the wire.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/http/message.h"

namespace osprey::server::http {

// "Not Found"
std::string_view reason_of(unsigned status) noexcept;

struct Framing {
  std::optional<std::uint64_t> length;  // none: the body is chunked, or ends with the connection
  bool chunked = false;
  bool keep_alive = true;
  bool http_1_0 = false;
  std::string_view date;  // RFC 9110's form
};

// Up to the empty line that ends it. Control characters in header values do not get through.
std::string head_text(const Response& response, const Framing& framing);

}  // namespace osprey::server::http
