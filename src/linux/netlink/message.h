// Netlink messages and their attributes as bytes (RFC 3549, the kernel's netlink.h). Every take_ function cuts a piece
// off the front of what is left, never reads beyond it, and gives nothing at the end and on a length that lies.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

#include "base/result.h"

namespace osprey::linux {

struct NetlinkMessage {
  std::uint16_t type = 0;
  std::uint16_t flags = 0;
  std::uint32_t sequence = 0;
  std::string_view payload;
};
std::optional<NetlinkMessage> take_message(std::string_view& rest) noexcept;

struct NetlinkAttribute {
  std::uint16_t type = 0;  // without the flag bits
  std::string_view payload;

  // The payload as a number; 0 where it is too short.
  template <class T>
  T as() const noexcept {
    T value{};
    if (payload.size() >= sizeof value) payload.copy(reinterpret_cast<char*>(&value), sizeof value);
    return value;
  }
  // The payload as text, up to the zero that ends it.
  std::string_view text() const noexcept { return payload.substr(0, payload.find('\0')); }
};
std::optional<NetlinkAttribute> take_attribute(std::string_view& rest) noexcept;

// A fixed header such as rtmsg, and the padding behind it.
template <class Header>
std::optional<Header> take_header(std::string_view& rest) noexcept {
  static_assert(std::is_trivially_copyable_v<Header>);
  constexpr std::size_t kPadded = (sizeof(Header) + 3) & ~std::size_t{3};
  if (rest.size() < sizeof(Header)) return std::nullopt;
  Header header;
  rest.copy(reinterpret_cast<char*>(&header), sizeof header);
  rest.remove_prefix(std::min(kPadded, rest.size()));
  return header;
}

// What the message that ends a dump says, NLMSG_DONE or NLMSG_ERROR: nothing, or an error with the kernel's own
// explanation where it gave one (extended acknowledgement).
Result<void> end_of_dump(const NetlinkMessage& message);

}  // namespace osprey::linux
