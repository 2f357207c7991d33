#include "server/http/forwarded.h"

#include <arpa/inet.h>

#include <algorithm>
#include <optional>
#include <ranges>
#include <utility>

#include "base/text.h"

namespace osprey::server::http {
namespace {

using Address = TrustedBalancers::Address;

constexpr unsigned kMappedBits = 96;

bool is_v4(std::string_view text) { return text.find(':') == std::string_view::npos; }

std::optional<Address> address_of(const std::string& text) {
  Address address{};
  if (!is_v4(text)) {
    if (::inet_pton(AF_INET6, text.c_str(), address.data()) != 1) return std::nullopt;
    return address;
  }
  address[10] = address[11] = 0xFF;
  if (::inet_pton(AF_INET, text.c_str(), &address[12]) != 1) return std::nullopt;
  return address;
}

bool same_beginning(const Address& a, const Address& b, unsigned bits) {
  const auto whole = bits / 8;
  if (!std::equal(a.begin(), a.begin() + whole, b.begin())) return false;
  const auto rest = bits % 8;
  return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

}  // namespace

Result<void> TrustedBalancers::add(const std::string& text) {
  std::string_view prefix = text;
  const std::string base(take_until(prefix, '/'));
  const auto address = address_of(base);
  const unsigned most = is_v4(base) ? 32 : 128;
  const auto bits = base.size() == text.size() ? std::optional(most) : parse<unsigned>(prefix);
  if (!address || !bits || *bits > most) {
    return failure(text, "a trusted balancer is an address or a network, such as 10.0.0.0/8");
  }
  networks_.push_back({.address = *address, .bits = *bits + (most == 32 ? kMappedBits : 0)});
  return {};
}

std::string TrustedBalancers::client(const std::string& peer, std::string_view forwarded_for) const {
  if (forwarded_for.empty() || !trusts(peer)) return peer;
  std::string client = peer;
  const auto hops = split(forwarded_for, ',');
  for (const auto hop : hops | std::views::reverse) {
    std::string address(trim(hop));
    if (!address_of(address)) break;
    client = std::move(address);
    if (!trusts(client)) break;
  }
  return client;
}

bool TrustedBalancers::trusts(const std::string& text) const {
  const auto address = address_of(text);
  return address && std::ranges::any_of(networks_, [&](const Network& network) {
           return same_beginning(network.address, *address, network.bits);
         });
}

}  // namespace osprey::server::http
