#include "server/http/forwarded.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <optional>
#include <ranges>
#include <variant>

#include "base/text.h"

namespace osprey::server::http {
namespace {

namespace ip = boost::asio::ip;

std::optional<ip::address> address_of(std::string_view text) {
  boost::system::error_code error;
  const auto address = ip::make_address(std::string(text), error);
  if (error) return std::nullopt;
  return address;
}

}  // namespace

struct TrustedBalancers::Network {
  std::variant<ip::network_v4, ip::network_v6> range;

  bool holds(const ip::address& address) const {
    if (const auto* v4 = std::get_if<ip::network_v4>(&range)) {
      return address.is_v4() && ip::network_v4(address.to_v4(), v4->prefix_length()).canonical() == v4->canonical();
    }
    const auto& v6 = std::get<ip::network_v6>(range);
    return address.is_v6() && ip::network_v6(address.to_v6(), v6.prefix_length()).canonical() == v6.canonical();
  }
};

TrustedBalancers::TrustedBalancers() = default;
TrustedBalancers::~TrustedBalancers() = default;

Result<void> TrustedBalancers::add(const std::string& text) {
  boost::system::error_code error;
  const bool whole = text.find('/') == std::string::npos;
  if (text.find(':') == std::string::npos) {
    const auto network = ip::make_network_v4(whole ? text + "/32" : text, error);
    if (!error) networks_.push_back({network});
  } else {
    const auto network = ip::make_network_v6(whole ? text + "/128" : text, error);
    if (!error) networks_.push_back({network});
  }
  if (error) return failure(text, "a trusted balancer is an address or a network, such as 10.0.0.0/8");
  return {};
}

std::string TrustedBalancers::client(const std::string& peer, std::string_view forwarded_for) const {
  if (forwarded_for.empty() || !trusts(peer)) return peer;
  std::string client = peer;
  const auto hops = split(forwarded_for, ',');
  for (const auto hop : hops | std::views::reverse) {
    const auto address = address_of(trim(hop));
    if (!address) break;
    client = address->to_string();
    if (!trusts(client)) break;
  }
  return client;
}

bool TrustedBalancers::trusts(std::string_view text) const {
  const auto address = address_of(text);
  return address && std::ranges::any_of(networks_, [&](const Network& network) { return network.holds(*address); });
}

}  // namespace osprey::server::http
