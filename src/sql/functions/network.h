// IP addresses, blocks of them, and the Community ID of a flow.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace osprey::sql {

// An IPv4 or IPv6 address in network order. Any IPv4 address orders before any IPv6 address.
class IpAddress {
 public:
  // inet_pton(3)'s forms; an IPv6 zone ("%eth0") is dropped.
  static std::optional<IpAddress> parse(std::string_view text);

  bool is_v4() const noexcept { return size_ == 4; }
  int bits() const noexcept { return static_cast<int>(size_) * 8; }
  std::span<const unsigned char> bytes() const noexcept { return {bytes_.data(), size_}; }
  bool bit(int index) const noexcept { return bytes_[static_cast<std::size_t>(index) / 8] >> (7 - index % 8) & 1; }
  auto operator<=>(const IpAddress&) const = default;

 private:
  std::size_t size_ = 0;
  std::array<unsigned char, 16> bytes_{};
};

struct CidrBlock {
  IpAddress address;  // any address of the block
  int prefix = 0;

  static std::optional<CidrBlock> parse(std::string_view text);
  // The address must be of the block's family.
  bool contains(const IpAddress& candidate) const noexcept;
};

struct Flow {
  IpAddress source;
  IpAddress destination;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint8_t protocol = 0;
};

// Community ID version 1. As in osquery ports are taken as given: for ICMP the caller passes type and counterpart.
Result<std::string> community_id(Flow flow, std::uint16_t seed);

}  // namespace osprey::sql
