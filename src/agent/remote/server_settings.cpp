#include "agent/remote/server_settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/logging/certificate_files.h"

namespace osprey::agent {
namespace {

// A configuration has 4 MiB at most; the rest is for what a reply has besides. The tree of a reply takes several times
// its size, and the agent's memory is bounded.
constexpr std::size_t kLargestReply = 6 << 20;

}  // namespace

std::string server_of(const Flags& flags) {
  const auto host = flags.text("tls_hostname");
  if (host.empty() || host.contains("://")) return std::string(host);
  return fmt::format("https://{}", host);
}

std::string path_of(std::string_view endpoint) {
  return endpoint.starts_with('/') ? std::string(endpoint) : fmt::format("/{}", endpoint);
}

std::string in_target(std::string_view text) {
  std::string target;
  for (const char c : text) {
    const bool stays = c > ' ' && c < '\x7f' && c != '#';
    target += stays ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return target;
}

std::string user_agent_of(const Program& program) {
  return fmt::format("{}/{}", program.osquery_compatible ? "osquery" : "osprey", program.version());
}

Result<net::HttpClientOptions> client_options(const Flags& flags, const Program& program) {
  const auto files = TRY(certificate_files(flags));
  net::HttpClientOptions options;
  options.origin = server_of(flags);
  if (options.origin.empty()) return failure("tls_hostname", "is empty: name the server, as --tls_hostname=HOST:PORT");
  options.user_agent = user_agent_of(program);
  options.authorities = files.authorities;
  options.certificate = files.certificate;
  options.key = files.key;
  options.proxy = flags.text("proxy_hostname");
  options.keep_alive = flags.boolean("tls_session_reuse");
  options.connection_age = std::chrono::seconds(std::max<std::int64_t>(flags.number("tls_session_timeout"), 0));
  options.accept_gzip = flags.boolean("tls_accept_gzip");
  options.body_cap = kLargestReply;
  return options;
}

}  // namespace osprey::agent
