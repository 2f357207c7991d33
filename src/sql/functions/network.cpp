#include "sql/functions/network.h"

#include <arpa/inet.h>

#include <algorithm>
#include <utility>

#include "base/base64.h"
#include "base/text.h"
#include "sql/functions/call.h"
#include "sql/functions/hashing.h"

namespace osprey::sql {

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.contains('\0')) return std::nullopt;
  const bool v6 = text.contains(':');
  if (v6) text = text.substr(0, text.find('%'));
  IpAddress address;
  if (inet_pton(v6 ? AF_INET6 : AF_INET, std::string(text).c_str(), address.bytes_.data()) != 1) return std::nullopt;
  address.size_ = v6 ? sizeof(in6_addr) : sizeof(in_addr);
  return address;
}

std::optional<CidrBlock> CidrBlock::parse(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == text.npos) return std::nullopt;
  const auto address = IpAddress::parse(text.substr(0, slash));
  const auto prefix = osprey::parse<unsigned>(text.substr(slash + 1));
  if (!address || !prefix || *prefix > static_cast<unsigned>(address->bits())) return std::nullopt;
  return CidrBlock{*address, static_cast<int>(*prefix)};
}

bool CidrBlock::contains(const IpAddress& candidate) const noexcept {
  for (int i = 0; i < prefix; ++i) {
    if (candidate.bit(i) != address.bit(i)) return false;
  }
  return true;
}

Result<std::string> community_id(Flow flow, std::uint16_t seed) {
  if (std::pair(flow.destination, flow.destination_port) < std::pair(flow.source, flow.source_port)) {
    std::swap(flow.source, flow.destination);
    std::swap(flow.source_port, flow.destination_port);
  }
  std::string bytes;
  const auto append16 = [&bytes](std::uint16_t value) {
    bytes += static_cast<char>(value >> 8);
    bytes += static_cast<char>(value & 0xff);
  };
  append16(seed);
  bytes.append(flow.source.bytes().begin(), flow.source.bytes().end());
  bytes.append(flow.destination.bytes().begin(), flow.destination.bytes().end());
  bytes += static_cast<char>(flow.protocol);
  bytes += '\0';
  append16(flow.source_port);
  append16(flow.destination_port);
  return "1:" + to_base64(TRY(digest(bytes, EVP_sha1())));
}

namespace {

void inet_aton(Call& call) {
  if (call.any_null()) return;
  const auto address = IpAddress::parse(call.text(0));
  if (!address || !address->is_v4()) return;
  std::int64_t value = 0;
  for (const auto byte : address->bytes()) value = value << 8 | byte;
  call.answer(value);
}

// Whether all bits of `address` from `first` on are `wanted`.
bool all_bits(const IpAddress& address, int first, bool wanted) {
  for (int i = first; i < address.bits(); ++i) {
    if (address.bit(i) != wanted) return false;
  }
  return true;
}

// What osquery leaves out of a block: in IPv4 its network and broadcast addresses, in IPv6 every address where the
// block ends with the last address of all.
bool osquery_excludes(const CidrBlock& block, const IpAddress& address) {
  if (address.is_v4()) {
    return block.prefix < address.bits() &&
           (all_bits(address, block.prefix, false) || all_bits(address, block.prefix, true));
  }
  for (int i = 0; i < block.prefix; ++i) {
    if (!block.address.bit(i)) return false;
  }
  return true;
}

void in_cidr_block(Call& call) {
  if (call.type(0) != SQLITE_TEXT) return call.fail("CIDR must be a string");
  if (call.type(1) != SQLITE_TEXT) return call.fail("IP address must be a string");
  const auto address = IpAddress::parse(call.text(1));
  if (!address) return call.fail("IP address cannot be parsed");
  const auto block = CidrBlock::parse(call.text(0));
  if (!block || block->address.is_v4() != address->is_v4()) {
    return call.fail(address->is_v4() ? "CIDR for IP address v4 cannot be parsed"
                                      : "CIDR for IP address v6 cannot be parsed");
  }
  const bool inside =
      block->contains(*address) && !(call.options().osquery_compatible && osquery_excludes(*block, *address));
  call.answer(std::int64_t{inside});
}

Result<std::string> checked_community_id(const Call& call) {
  const auto is_integer = [&call](int index) { return call.type(index) == SQLITE_INTEGER; };
  if (call.type(0) != SQLITE_TEXT || call.type(1) != SQLITE_TEXT) {
    return failure("", "Community ID IPs must be strings");
  }
  if (!is_integer(2) || !is_integer(3)) return failure("", "Community ID ports must be integers");
  if (!is_integer(4)) return failure("", "Community ID protocol must be an integer");
  const bool seeded = call.count() > 5;
  if (seeded && !is_integer(5)) return failure("", "Community ID seed must be an integer");

  const auto source = IpAddress::parse(call.text(0));
  if (!source) return failure("", "Community ID saddr cannot be parsed as IP");
  const auto destination = IpAddress::parse(call.text(1));
  if (!destination) return failure("", "Community ID daddr cannot be parsed as IP");
  if (!std::in_range<std::uint16_t>(call.integer(2)) || !std::in_range<std::uint16_t>(call.integer(3))) {
    return failure("", "Community ID ports must fit in 2 bytes");
  }
  if (!std::in_range<std::uint8_t>(call.integer(4))) return failure("", "Community ID protocol must fit in 1 byte");
  if (seeded && !std::in_range<std::uint16_t>(call.integer(5))) {
    return failure("", "Community ID seed must fit in 2 bytes");
  }
  return community_id({.source = *source,
                       .destination = *destination,
                       .source_port = static_cast<std::uint16_t>(call.integer(2)),
                       .destination_port = static_cast<std::uint16_t>(call.integer(3)),
                       .protocol = static_cast<std::uint8_t>(call.integer(4))},
                      seeded ? static_cast<std::uint16_t>(call.integer(5)) : std::uint16_t{0});
}

void community_id_strict(Call& call) {
  const auto id = checked_community_id(call);
  id ? call.answer(*id) : call.fail(id.error());
}

void community_id_or_null(Call& call) {
  const auto id = checked_community_id(call);
  if (id) return call.answer(*id);
  if (call.options().warn) call.options().warn(id.error().text());
}

}  // namespace

std::span<const Function> network_functions() {
  static constexpr Function functions[] = {
      function<inet_aton>("inet_aton", 1, kPure),
      function<in_cidr_block>("in_cidr_block", 2, kPure),
      function<community_id_or_null>("community_id_v1", 5, kPure),
      function<community_id_or_null>("community_id_v1", 6, kPure),
      function<community_id_strict>("community_id_v1_strict", 5, kPure),
      function<community_id_strict>("community_id_v1_strict", 6, kPure),
  };
  return functions;
}

}  // namespace osprey::sql
