#include "agent/config/tls_config.h"

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "base/json.h"

namespace osprey::agent {
namespace {

constexpr auto kSource = "tls_plugin";  // osquery's name for it
constexpr std::string_view kUnchanged = "ok";

}  // namespace

TlsConfig::Options TlsConfig::options_of(const Flags& flags, const Program& program, Remote& remote,
                                         const Interrupt& stop) {
  constexpr std::int64_t kMostAttempts = 1000;
  const auto attempts = std::clamp<std::int64_t>(flags.number("config_tls_max_attempts"), 1, kMostAttempts);
  return {.remote = remote,
          .stop = stop,
          .endpoint = std::string(flags.text("config_tls_endpoint")),
          .attempts = static_cast<unsigned>(attempts),
          .osquery_compatible = program.osquery_compatible,
          .node_api = flags.boolean("tls_node_api")};
}

Result<ConfigPlugin::Sources> TlsConfig::fetch() {
  RemoteRequest request;
  request.endpoint = options_.endpoint;
  request.fetches = true;
  request.attempts = std::exchange(fetched_, true) || options_.osquery_compatible ? options_.attempts : 1;
  if (!options_.osquery_compatible) {
    request.members = R"("etag":)";
    append_json_string(request.members, etag_);
  }
  auto reply = TRY(options_.remote.send(request, options_.stop));
  Sources sources;
  sources.emplace(kSource, TRY(text_of(std::move(reply))));
  return sources;
}

Result<std::string> TlsConfig::text_of(RemoteReply reply) {
  if (options_.node_api) {
    const auto* within = reply.body.if_contains("config");
    if (within && within->is_object()) return boost::json::serialize(*within);
  }
  if (options_.osquery_compatible) return reply.text.empty() ? "{}" : std::move(reply.text);
  if (reply.text.empty()) return failure(options_.endpoint, "the server has answered without a configuration");
  const auto* etag = reply.body.if_contains("etag");
  const auto called = etag && etag->is_string() ? std::string_view(etag->get_string()) : std::string_view();
  if (called == kUnchanged) {
    if (!etag_.empty()) return text_;
    return failure(options_.endpoint, "the server says that the configuration is unchanged, and has given none yet");
  }
  etag_ = called;
  text_ = etag_.empty() ? std::string() : reply.text;
  return std::move(reply.text);
}

Result<std::string> TlsConfig::read(const std::string& path) const {
  return failure(path, "packs in files are the filesystem's: the server's configuration must hold the pack itself");
}

}  // namespace osprey::agent
