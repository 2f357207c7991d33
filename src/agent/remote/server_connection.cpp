#include "agent/remote/server_connection.h"

#include <fmt/format.h>

#include <cstdio>

#include "agent/remote/remote.h"
#include "agent/remote/reply.h"
#include "agent/remote/server_settings.h"
#include "base/module.h"

namespace osprey::agent {
namespace {

constexpr std::chrono::seconds kUsualTime{16};

}  // namespace

std::unique_lock<std::timed_mutex> lock_unless_stopped(std::timed_mutex& mutex, const Interrupt& stop) {
  constexpr auto kLook = std::chrono::milliseconds(100);
  std::unique_lock lock(mutex, std::defer_lock);
  while (!lock.try_lock_for(kLook))
    if (stop.requested()) break;
  return lock;
}

ServerConnection::ServerConnection(const RemoteParts& parts, const Secrets& secrets)
    : parts_(parts),
      secrets_(secrets),
      server_(server_of(parts.flags)),
      dumps_(parts.flags.boolean("tls_dump") && parts.flags.boolean("verbose")) {}

std::expected<ServerReply, ServerFault> ServerConnection::ask(const ServerRequest& request, const Interrupt& stop) {
  auto response = send(request, stop);
  const bool osquery = parts_.program.osquery_compatible;
  if (!response) {
    const auto& error = response.error();
    if (osquery) return std::unexpected(fault(request, "Request error: " + error.message));
    const bool of_server = error.subject.empty() || error.subject == server_;
    return std::unexpected(fault(request, of_server ? error.message : error.text()));
  }
  if (dumps_) dump(request, response->body);
  auto reply = read_reply(response->status, response->body,
                          {.osquery_compatible = osquery, .evaluate = request.evaluate, .document = request.document});
  if (!reply) {
    auto judged = fault(request, std::move(reply.error().reason), reply.error().node_invalid);
    if (reply.error().too_large) judged.error.code = kBodyTooLarge;
    return std::unexpected(std::move(judged));
  }
  return ServerReply{std::move(*reply), std::move(response->body), std::move(response->headers)};
}

Result<net::HttpClientResponse> ServerConnection::send(const ServerRequest& request, const Interrupt& stop) {
  const auto turn = lock_unless_stopped(turn_, stop);
  if (!turn) return failure(server_, "interrupted");
  if (!client_) client_ = TRY(open());
  // In osquery's order.
  net::HttpHeaders headers{{"Content-Type", "application/json"},
                           {"Accept", "application/json"},
                           {"User-Agent", user_agent_of(parts_.program)}};
  headers.insert(headers.end(), request.headers.begin(), request.headers.end());
  net::HttpClientRequest sent;
  sent.method = request.method;
  sent.target = request.target;
  sent.headers = std::move(headers);
  sent.body = request.body;
  sent.timeout = kUsualTime + request.hold;
  return client_->send(sent, stop);
}

Result<std::unique_ptr<net::HttpClient>> ServerConnection::open() const {
  const auto options = TRY(client_options(parts_.flags, parts_.program));
  if (parts_.open) return parts_.open(options);
  return TRY(open_module<net::HttpClientModule>())->open(options);
}

ServerFault ServerConnection::fault(const ServerRequest& request, std::string reason, bool node_invalid) const {
  // What follows the path may be a secret. osquery's messages do not say where.
  const auto path = request.target.substr(0, request.target.find('?'));
  auto where = parts_.program.osquery_compatible ? "" : secrets_.hidden_in(server_ + path);
  return {Error{0, std::move(where), secrets_.hidden_in(std::move(reason))}, node_invalid};
}

// To standard error only: in the log it would be sent to the server itself.
void ServerConnection::dump(const ServerRequest& request, std::string_view reply) const {
  const bool packed = !request.body.empty() && request.body.front() != '{';
  const auto text =
      secrets_.hidden_in(fmt::format("{} {}{}\n{}\n{}\n", request.method, server_, request.target,
                                     packed ? "(gzip)" : request.body, request.secret_reply ? "(not shown)" : reply));
  std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace osprey::agent
