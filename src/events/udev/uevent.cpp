#include "events/udev/uevent.h"

#include <arpa/inet.h>

#include <array>
#include <cstdint>
#include <cstring>

#include "base/text.h"

namespace osprey::events {
namespace {

constexpr std::size_t kMostProperties = 512;

// What stands in front of udevd's properties. Receivers may filter by the digests; we do not.
struct UdevdHeader {
  std::array<char, 8> prefix;  // "libudev" and a NUL
  std::uint32_t magic;         // in network order
  std::uint32_t header_size;
  std::uint32_t properties_offset;
  std::uint32_t properties_size;
  std::array<std::uint32_t, 4> digests;  // of subsystem, device type, and the tags' Bloom filter
};
constexpr std::string_view kPrefix("libudev\0", 8);
constexpr std::uint32_t kMagic = 0xfeedcafe;

// NAME=value, each ended by a NUL.
void take_properties(std::string_view text, Uevent& event) {
  while (!text.empty() && event.properties.size() < kMostProperties) {
    auto value = take_until(text, '\0');
    const bool assigned = value.find('=') != value.npos;
    const auto name = take_until(value, '=');
    if (assigned && !name.empty()) event.properties.emplace_back(name, value);
  }
}

std::optional<Uevent> parse_udevd(std::string_view message) {
  UdevdHeader header;
  if (message.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, message.data(), sizeof header);
  if (ntohl(header.magic) != kMagic || header.properties_offset < sizeof header ||
      header.properties_offset > message.size() || header.properties_size > message.size() - header.properties_offset)
    return std::nullopt;
  Uevent event{.from_udevd = true};
  take_properties(message.substr(header.properties_offset, header.properties_size), event);
  return event;
}

}  // namespace

std::string_view Uevent::operator[](std::string_view name) const noexcept {
  for (const auto& [one, value] : properties)
    if (one == name) return value;
  return {};
}

std::optional<Uevent> parse_uevent_message(std::string_view message) {
  if (message.starts_with(kPrefix)) return parse_udevd(message);
  // ACTION@DEVPATH, which the properties say again.
  const auto head = take_until(message, '\0');
  if (head.find("@/") == head.npos) return std::nullopt;
  Uevent event;
  take_properties(message, event);
  return event;
}

}  // namespace osprey::events
