#include "agent/logging/syslog_target.h"

#include <fmt/format.h>

#include <array>

#include "base/text.h"

namespace osprey::agent {
namespace {

using Transport = SyslogTarget::Transport;

struct Scheme {
  std::string_view prefix;
  Transport transport;
  std::string_view port;
};
constexpr auto kSchemes = std::to_array<Scheme>({
    {"udp://", Transport::udp, "514"},
    {"tcp://", Transport::tcp, "514"},
    {"tls://", Transport::tls, "6514"},
});

// "host", "host:port", "[address]", "[address]:port"; an empty host where it is none of these.
net::Endpoint parse_endpoint(std::string_view text, std::string_view default_port) {
  const bool bracketed = text.starts_with('[');
  const auto end = text.find(bracketed ? ']' : ':');
  if (bracketed && end == std::string_view::npos) return {};
  const auto host = text.substr(bracketed ? 1 : 0, end - (bracketed ? 1 : 0));
  auto rest = end == std::string_view::npos ? std::string_view() : text.substr(end + (bracketed ? 1 : 0));
  if (host.find_first_of(" \t/@?#[]") != std::string_view::npos) return {};
  if (rest.empty()) return {std::string(host), std::string(default_port)};
  if (!rest.starts_with(':')) return {};
  rest.remove_prefix(1);
  const auto port = parse<std::uint16_t>(rest);
  return port && *port > 0 ? net::Endpoint{std::string(host), std::string(rest)} : net::Endpoint{};
}

}  // namespace

Result<SyslogTarget> parse_syslog_target(std::string_view text) {
  for (const auto& scheme : kSchemes) {
    if (!text.starts_with(scheme.prefix)) continue;
    auto endpoint = parse_endpoint(text.substr(scheme.prefix.size()), scheme.port);
    if (!endpoint.host.empty()) return SyslogTarget{scheme.transport, std::move(endpoint)};
  }
  return failure("logger_syslog_target",
                 fmt::format("\"{}\" is none of udp://HOST:PORT, tcp://HOST:PORT and tls://HOST:PORT", text));
}

std::string text_of(const SyslogTarget& target) {
  const auto scheme = std::ranges::find(kSchemes, target.transport, &Scheme::transport);
  return std::string(scheme->prefix) + target.endpoint.text();
}

}  // namespace osprey::agent
