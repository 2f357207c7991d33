// Bytes of netlink messages as the kernel sends them, for tests.
#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace osprey::linux {

template <class T>
std::string number_bytes(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

inline std::string padded(std::string bytes) {
  bytes.resize(NLMSG_ALIGN(bytes.size()));
  return bytes;
}

inline std::string attribute_bytes(std::uint16_t type, std::string_view payload) {
  const nlattr header{static_cast<std::uint16_t>(sizeof(nlattr) + payload.size()), type};
  return padded(number_bytes(header) + std::string(payload));
}

inline std::string message_bytes(std::uint16_t type, std::string_view payload, std::uint16_t flags = 0) {
  const nlmsghdr header{static_cast<std::uint32_t>(sizeof(nlmsghdr) + payload.size()), type, flags, 0, 0};
  return padded(number_bytes(header) + std::string(payload));
}

}  // namespace osprey::linux
