#include "agent/remote/tls_remote.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/remote/server_settings.h"
#include "base/json.h"
#include "base/text.h"
#include "net/gzip.h"
#include "protocol/held_read.h"

namespace osprey::agent {
namespace {

// How long a server may offer to hold a read.
constexpr std::int64_t kLongestHold = 600;

std::chrono::seconds offered_hold(const net::HttpHeaders& headers) {
  const auto is_ours = [](const auto& header) { return equal_ignoring_case(header.first, protocol::kHeldReadHeader); };
  const auto found = std::ranges::find_if(headers, is_ours);
  const auto offered = found == headers.end() ? std::nullopt : parse<std::int64_t>(found->second);
  return std::chrono::seconds(std::clamp<std::int64_t>(offered.value_or(0), 0, kLongestHold));
}

}  // namespace

TlsRemote::TlsRemote(RemoteParts parts)
    : parts_(std::move(parts)),
      node_api_(parts_.flags.boolean("tls_node_api")),
      connection_(parts_, secrets_),
      held_connection_(parts_, secrets_),
      enrollment_(parts_, secrets_, connection_) {}

Result<void> TlsRemote::enrol(const Interrupt& stop) {
  TRY(enrollment_.node_key(stop));
  return {};
}

Result<RemoteReply> TlsRemote::send(const RemoteRequest& request, const Interrupt& stop) {
  for (unsigned attempt = 1;; ++attempt) {
    auto reply = send_once(request, stop);
    if (reply || reply.error().code == kBodyTooLarge || attempt >= request.attempts || stop.requested()) return reply;
    const auto delay = square_of(attempt);
    if (!parts_.pause(parts_.program.osquery_compatible ? delay : jittered(delay), stop)) return reply;
  }
}

Result<RemoteReply> TlsRemote::send_once(const RemoteRequest& request, const Interrupt& stop) {
  const auto key = TRY(enrollment_.node_key(stop));
  ServerRequest sent;
  sent.target = TRY(target_of(request, key));
  sent.evaluate = request.evaluate;
  sent.hold = request.hold;
  sent.document = request.document;
  if (!key.empty()) sent.headers.emplace_back("Authorization", "NodeKey " + key);
  std::string body;
  if (request.fetches && node_api_) {
    sent.method = "GET";
  } else {
    body = body_of(request, key);
    if (request.compress) {
      body = net::gzipped(body);
      sent.headers.emplace_back("Content-Encoding", "gzip");
    }
  }
  if (request.hold.count() > 0)
    sent.headers.emplace_back(protocol::kHeldReadHeader, fmt::to_string(request.hold.count()));
  sent.body = body;

  auto reply = (request.hold.count() > 0 ? held_connection_ : connection_).ask(sent, stop);
  if (!reply) {
    if (reply.error().node_invalid) enrollment_.refused(key);
    return std::unexpected(std::move(reply.error().error));
  }
  enrollment_.accepted(key);
  return RemoteReply{std::move(reply->body), offered_hold(reply->headers), std::move(reply->text)};
}

std::string TlsRemote::body_of(const RemoteRequest& request, const std::string& key) const {
  std::string node_key = R"("node_key":)";
  append_json_string(node_key, key);
  const auto pair = [](std::string_view a, std::string_view b) {
    return fmt::format("{{{}{}{}}}", a, a.empty() || b.empty() ? "" : ",", b);
  };
  if (request.node_key_first) return pair(node_key, request.members);
  return pair(request.members, request.node_key_in_body && !node_api_ ? node_key : "");
}

// With --tls_node_api the key stands before the path and after it, as osquery has it.
Result<std::string> TlsRemote::target_of(const RemoteRequest& request, const std::string& key) const {
  const auto target = path_of(request.endpoint) + TRY(enrollment_.secret_query());
  if (!node_api_) return target;
  return fmt::format("/{0}{1}&node_key={0}", in_target(key), target);
}

}  // namespace osprey::agent
