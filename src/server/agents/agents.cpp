#include "server/agents/agents.h"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "base/json.h"
#include "base/text.h"
#include "base/version.h"
#include "protocol/held_read.h"
#include "server/agents/accept_encoding.h"
#include "server/agents/parked_reads.h"
#include "server/agents/requests.h"
#include "server/agents/sources.h"
#include "server/api/problem.h"
#include "server/carves/carves.h"
#include "server/enrollment/enrollment.h"
#include "server/hosts/hosts.h"
#include "server/queries/queries.h"
#include "server/results/results.h"

namespace osprey::server::agents {
namespace {

constexpr std::string_view kComeAgain = "the server cannot take this now; send it again later";
constexpr std::string_view kOurFault = "the server failed at this; its log says why";
constexpr std::size_t kSmallBody = 64 << 10;
constexpr std::size_t kEnrollBody = 1 << 20;

struct Path {
  std::string_view name;
  Endpoint endpoint;
};
constexpr std::array<Path, 7> kPaths{{{"enroll", Endpoint::enroll},
                                      {"config", Endpoint::config},
                                      {"log", Endpoint::log},
                                      {"distributed/read", Endpoint::distributed_read},
                                      {"distributed/write", Endpoint::distributed_write},
                                      {"carve/begin", Endpoint::carve_begin},
                                      {"carve/block", Endpoint::carve_block}}};
// Osquery's documentation and Fleet, and Doorman. The longest first.
constexpr std::array<std::string_view, 4> kPrefixes{"/api/v1/osquery/", "/api/osquery/", "/v1/", "/"};

hosts::Sign sign_of(Endpoint endpoint) noexcept {
  switch (endpoint) {
    case Endpoint::enroll:
      return hosts::Sign::enroll;
    case Endpoint::config:
      return hosts::Sign::config;
    case Endpoint::log:
      return hosts::Sign::log;
    case Endpoint::distributed_read:
    case Endpoint::distributed_write:
      return hosts::Sign::distributed;
    case Endpoint::carve_begin:
    case Endpoint::carve_block:
      return hosts::Sign::carve;
  }
  return hosts::Sign::config;
}

http::Response json_text(std::string body) { return http::Response{.body = std::move(body)}; }

http::Response node_invalid(std::string_view what) {
  auto response = refusal(401, what);
  response.body.insert(1, R"("node_invalid":true,)");
  return response;
}

std::string_view header_key(const http::RequestHead& head) noexcept {
  constexpr std::string_view kScheme = "nodekey ";
  const auto value = head.header("authorization");
  if (value.size() < kScheme.size() || !equal_ignoring_case(value.substr(0, kScheme.size()), kScheme)) return {};
  return trim(value.substr(kScheme.size()));
}

// A request with its answer to come.
struct Call {
  Endpoint endpoint;
  http::Request request;
  http::Responder responder;
};
// What a shared_ptr is for: std::function wants to be copied.
using CallPtr = std::shared_ptr<Call>;

class TheAgents final : public Agents {
 public:
  TheAgents(const Services& services, std::vector<QuerySource*> sources,
            std::function<void(std::function<void()>)> to_worker, const Options& options)
      : services_(services),
        to_worker_(std::move(to_worker)),
        options_(options),
        sources_(std::move(sources), counts_),
        parked_(options.held) {}

  std::vector<http::Route> routes() override;
  const Counts& counts() const override { return counts_; }
  std::size_t held() const override { return parked_.size(); }
  void wake(std::span<const hosts::HostId> hosts) override;

 private:
  using Handle = void (TheAgents::*)(const CallPtr& call);
  using Known = void (TheAgents::*)(const CallPtr& call, hosts::HostId host);
  http::Route route(Path path);
  http::Route served(http::Route route, Endpoint endpoint, Handle handle);
  std::optional<http::Response> admit(Endpoint endpoint, const http::RequestHead& head);

  void enroll(const CallPtr& call);
  void config(const CallPtr& call);
  void log(const CallPtr& call);
  void read(const CallPtr& call);
  void write(const CallPtr& call);
  void carve_begin(const CallPtr& call);
  void carve_block(const CallPtr& call);

  // Finds out whose the request is and goes on with it, or refuses it.
  template <class F>
  void identify(const CallPtr& call, std::string_view body_key, F then);
  template <class F>
  void identified(const CallPtr& call, hosts::HostId host, F& then);

  void compose_config(const CallPtr& call, hosts::HostId id, std::string_view etag);
  void send_config(const CallPtr& call, hosts::HostId id, std::string_view etag, const queries::Composed& composed);
  http::Response read_response(std::string body) const;
  void read_of(const CallPtr& call, hosts::HostId host, std::string_view body_key);
  void hold(const CallPtr& call, hosts::HostId host, std::chrono::seconds time, std::string node_key);
  void answer_held(hosts::HostId host, HeldRead held);

  void answer(Call& call, http::Response response) { reply(call, Outcome::answered, std::move(response)); }
  void refuse(Call& call, Outcome outcome, unsigned status, std::string_view what) {
    reply(call, outcome, refusal(status, what));
  }
  void refuse(Call& call, const Error& error);
  // Of what was to be kept.
  void finish(Call& call, const Result<void>& kept) {
    if (kept)
      answer(call, json_text("{}"));
    else
      refuse(call, kept.error());
  }
  void reply(Call& call, Outcome outcome, http::Response response) {
    counts_.count(call.endpoint, outcome);
    call.responder.send(std::move(response));
  }
  static void add(Counts::Counter& counter, std::uint64_t by = 1) noexcept {
    counter.fetch_add(by, std::memory_order_relaxed);
  }

  const Services& services_;
  const std::function<void(std::function<void()>)> to_worker_;
  const Options options_;
  Counts counts_;
  Sources sources_;
  ParkedReads parked_;
};

// Routes

std::vector<http::Route> TheAgents::routes() {
  std::vector<http::Route> routes;
  for (const auto prefix : kPrefixes)
    for (const auto& path : kPaths)
      for (const auto method : {http::Method::post, http::Method::put}) {
        auto made = route(path);
        made.method = method;
        made.pattern = fmt::format("{}{}", prefix, path.name);
        routes.push_back(std::move(made));
      }
  http::Route version{.method = http::Method::get, .pattern = "/version", .runs = http::Runs::on_listener};
  version.handle = [](const http::Request&, http::Responder responder) {
    std::string body = R"({"version":)";
    append_json_string(body, osprey::version());
    responder.send(json_text(body + '}'));
  };
  routes.push_back(std::move(version));
  return routes;
}

http::Route TheAgents::route(Path path) {
  const auto listener = http::Runs::on_listener;
  switch (path.endpoint) {
    case Endpoint::enroll:
      return served({.body_cap = kEnrollBody}, path.endpoint, &TheAgents::enroll);
    case Endpoint::config:
      return served({.runs = listener, .body_cap = kSmallBody}, path.endpoint, &TheAgents::config);
    case Endpoint::log:
      return served({.body_cap = options_.log_body, .gzip_body = true}, path.endpoint, &TheAgents::log);
    case Endpoint::distributed_read:
      return served({.runs = listener, .body_cap = kSmallBody}, path.endpoint, &TheAgents::read);
    case Endpoint::distributed_write:
      return served({.body_cap = options_.write_body, .gzip_body = true}, path.endpoint, &TheAgents::write);
    case Endpoint::carve_begin:
      return served({.body_cap = kSmallBody}, path.endpoint, &TheAgents::carve_begin);
    case Endpoint::carve_block:
      return served({.body_cap = options_.carve_body}, path.endpoint, &TheAgents::carve_block);
  }
  return {};
}

http::Route TheAgents::served(http::Route route, Endpoint endpoint, Handle handle) {
  route.admit = [this, endpoint](const http::RequestHead& head) { return admit(endpoint, head); };
  route.handle = [this, endpoint, handle](http::Request request, http::Responder responder) {
    (this->*handle)(std::make_shared<Call>(endpoint, std::move(request), std::move(responder)));
  };
  return route;
}

std::optional<http::Response> TheAgents::admit(Endpoint endpoint, const http::RequestHead& head) {
  if (endpoint == Endpoint::enroll) return std::nullopt;
  const auto key = header_key(head);
  if (key.empty()) return std::nullopt;
  const auto known = services_.enrollment->recall(key, head.peer);
  if (!known || known->host != 0) return std::nullopt;
  counts_.count(endpoint, Outcome::node_invalid);
  return node_invalid("the node key is not valid; enroll again");
}

// Who it is

template <class F>
void TheAgents::identify(const CallPtr& call, std::string_view body_key, F then) {
  const auto in_header = header_key(call->request);
  if (!in_header.empty() && !body_key.empty() && in_header != body_key)
    return refuse(*call, Outcome::foreign_key, 403, "the node key of the body is not that of the header");
  const auto key = in_header.empty() ? body_key : in_header;
  if (key.empty()) return reply(*call, Outcome::node_invalid, node_invalid("a node key is missing; enroll first"));
  if (const auto known = services_.enrollment->recall(key, call->request.peer))
    return identified(call, known->host, then);
  add(counts_.key_look_ups);
  to_worker_([this, call, key = std::string(key), then]() mutable {
    const auto known = services_.enrollment->look_up(key, call->request.peer);
    if (known)
      identified(call, known->host, then);
    else
      refuse(*call, known.error());
  });
}

template <class F>
void TheAgents::identified(const CallPtr& call, hosts::HostId host, F& then) {
  if (host == 0) return reply(*call, Outcome::node_invalid, node_invalid("the node key is not valid; enroll again"));
  services_.hosts->seen(host, sign_of(call->endpoint), call->request.peer, services_.clock());
  then(host);
}

void TheAgents::refuse(Call& call, const Error& error) {
  switch (error.code) {
    case db::kUnavailable:
      return refuse(call, Outcome::busy, 503, kComeAgain);
    case api::kTooMany:
      return refuse(call, Outcome::refused, 429, error.text());
    case api::kForbidden:
      return refuse(call, Outcome::refused, 403, error.text());
    case api::kNotFound:
    case api::kGone:
      return refuse(call, Outcome::refused, 404, error.text());
    case api::kInvalid:
    case api::kConflict:
      return refuse(call, Outcome::refused, 400, error.text());
    default:
      return refuse(call, Outcome::failed, 500, kOurFault);
  }
}

// Enrolment and configuration

void TheAgents::enroll(const CallPtr& call) {
  auto request = read_enroll(call->request.body, options_.secret_member);
  if (!request) return refuse(*call, Outcome::malformed, 400, request.error().text());
  request->address = call->request.peer;
  request->certificate = call->request.client_certificate;
  const auto now = services_.clock();
  const auto key = services_.enrollment->enroll(*request, now);
  if (!key) return refuse(*call, key.error());
  if (const auto known = services_.enrollment->recall(*key, call->request.peer); known && known->host != 0) {
    // A query to all that is asked from now on is for this host, too. Where the database is away it is told later.
    static_cast<void>(services_.hosts->look_up(known->host));
    services_.hosts->seen(known->host, hosts::Sign::enroll, call->request.peer, now);
  }
  std::string body = R"({"node_key":)";
  append_json_string(body, *key);
  answer(*call, json_text(body + R"(,"node_invalid":false})"));
}

void TheAgents::config(const CallPtr& call) {
  auto request = read_config(call->request.body);
  if (!request) return refuse(*call, Outcome::malformed, 400, request.error().text());
  const auto key = request->node_key;
  identify(call, key, [this, call, etag = std::move(request->etag)](hosts::HostId id) {
    const auto host = services_.hosts->find(id);
    const auto composed = host ? services_.queries->recall(*host) : nullptr;
    if (composed) return send_config(call, id, etag, *composed);
    to_worker_([this, call, id, etag] { compose_config(call, id, etag); });
  });
}

void TheAgents::compose_config(const CallPtr& call, hosts::HostId id, std::string_view etag) {
  const auto host = services_.hosts->look_up(id);
  if (!host) return refuse(*call, host.error());
  // Being removed: its node key ends in a moment.
  if (!*host) return refuse(*call, Outcome::busy, 503, kComeAgain);
  const auto composed = services_.queries->compose(**host);
  if (!composed) return refuse(*call, composed.error());
  send_config(call, id, etag, **composed);
}

void TheAgents::send_config(const CallPtr& call, hosts::HostId id, std::string_view etag,
                            const queries::Composed& composed) {
  services_.hosts->given(id, composed.etag);
  if (!etag.empty() && etag == composed.etag) {
    add(counts_.configs_unchanged);
    return answer(*call, json_text(R"({"etag":"ok"})"));
  }
  http::Response response;
  if (composed.gzip_reply && accepts_gzip(call->request.header("accept-encoding"))) {
    response.headers.emplace_back("content-encoding", "gzip");
    response.shared_body = composed.gzip_reply;
  } else {
    response.shared_body = composed.reply;
  }
  answer(*call, std::move(response));
}

// Log

void TheAgents::log(const CallPtr& call) {
  auto request = read_log(call->request.body, options_.line);
  if (!request) return refuse(*call, Outcome::malformed, 400, request.error().text());
  add(counts_.log_bytes, call->request.body.size());
  call->request.body = {};  // its lines are copies
  const auto batch = std::make_shared<LogRequest>(std::move(*request));
  identify(call, batch->node_key, [this, call, batch](hosts::HostId host) {
    add(counts_.lines, batch->lines.size());
    add(counts_.lines_dropped, batch->dropped);
    if (batch->lines.empty()) return answer(*call, json_text("{}"));
    results::LogBatch lines{
        .host = host, .status = batch->status, .received = services_.clock(), .lines = std::move(batch->lines)};
    const bool taken =
        services_.results->store(std::move(lines), [this, call](const Result<void>& stored) { finish(*call, stored); });
    if (!taken) refuse(*call, Outcome::busy, 503, kComeAgain);
  });
}

// Distributed queries

http::Response TheAgents::read_response(std::string body) const {
  auto response = json_text(std::move(body));
  if (options_.hold.count() > 0)
    response.headers.emplace_back(protocol::kHeldReadHeader, std::to_string(options_.hold.count()));
  return response;
}

void TheAgents::read(const CallPtr& call) {
  const auto key = read_node_key(call->request.body);
  if (!key) return refuse(*call, Outcome::malformed, 400, key.error().text());
  identify(call, *key, [this, call, key = *key](hosts::HostId host) { read_of(call, host, key); });
}

void TheAgents::read_of(const CallPtr& call, hosts::HostId host, std::string_view body_key) {
  if (sources_.has(host)) return answer(*call, read_response(sources_.take(host)));
  const auto wanted = parse<std::uint32_t>(call->request.header(to_lower(protocol::kHeldReadHeader))).value_or(0);
  const auto time = std::min(std::chrono::seconds(wanted), options_.hold);
  if (time.count() > 0) {
    const auto in_header = header_key(call->request);
    return hold(call, host, time, std::string(in_header.empty() ? body_key : in_header));
  }
  add(counts_.reads_empty);
  answer(*call, read_response(R"({"queries":{}})"));
}

void TheAgents::hold(const CallPtr& call, hosts::HostId host, std::chrono::seconds time, std::string node_key) {
  const auto empty = [this] { return read_response(R"({"queries":{}})"); };
  auto responder = std::move(call->responder);
  responder.park(std::chrono::steady_clock::now() + time, empty());
  auto put = parked_.put(host, {std::move(responder), std::move(node_key)});
  counts_.count(Endpoint::distributed_read, Outcome::answered);
  if (put.other) {
    add(put.ticket != 0 ? counts_.reads_replaced : counts_.reads_empty);
    put.other->responder.send(empty());
  }
  if (put.ticket == 0) return;
  add(counts_.reads_held);
  // A query that came after the look at the sources and before put() has woken nobody.
  if (!sources_.has(host)) return;
  if (auto mine = parked_.take(host, put.ticket)) answer_held(host, std::move(*mine));
}

void TheAgents::answer_held(hosts::HostId host, HeldRead held) {
  // Asked of nobody, queries would count as asked.
  if (!held.responder.open()) return;
  // Revoked, or found to be another host's, while it was held: the next request is told so.
  if (!services_.enrollment->is_of(held.node_key, host)) {
    held.responder.send(read_response(R"({"queries":{}})"));
    return;
  }
  add(counts_.reads_woken);
  held.responder.send(read_response(sources_.take(host)));
}

void TheAgents::wake(std::span<const hosts::HostId> hosts) {
  for (const auto host : hosts)
    if (auto held = parked_.take(host)) answer_held(host, std::move(*held));
}

void TheAgents::write(const CallPtr& call) {
  auto request = read_write(call->request.body);
  if (!request) return refuse(*call, Outcome::malformed, 400, request.error().text());
  call->request.body = {};
  const auto written = std::make_shared<WriteRequest>(std::move(*request));
  identify(call, written->node_key, [this, call, written](hosts::HostId host) {
    sources_.accept(host, std::move(written->answers), [this, call](const Result<void>& kept) { finish(*call, kept); });
  });
}

// Carves

void TheAgents::carve_begin(const CallPtr& call) {
  const auto request = read_carve_begin(call->request.body);
  if (!request) return refuse(*call, Outcome::malformed, 400, request.error().text());
  identify(call, request->node_key, [this, call, start = request->start](hosts::HostId host) {
    const auto session = services_.carves->begin(host, start, services_.clock());
    if (!session) return refuse(*call, session.error());
    std::string body = R"({"session_id":)";
    append_json_string(body, *session);
    answer(*call, json_text(body + '}'));
  });
}

void TheAgents::carve_block(const CallPtr& call) {
  auto request = read_carve_block(call->request.body);
  if (!request) return refuse(*call, Outcome::malformed, 400, request.error().text());
  call->request.body = {};
  const auto block = std::make_shared<CarveBlock>(std::move(*request));
  const auto store = [this, call, block](hosts::HostId host) {
    finish(*call, services_.carves->block(host, block->session, block->block_id, block->data, services_.clock()));
  };
  // Older agents show nothing but the session.
  if (header_key(call->request).empty() && block->node_key.empty()) return store(0);
  identify(call, block->node_key, store);
}

}  // namespace

std::unique_ptr<Agents> make(const Services& services, std::vector<QuerySource*> sources,
                             std::function<void(std::function<void()>)> to_worker, const Options& options) {
  return std::make_unique<TheAgents>(services, std::move(sources), std::move(to_worker), options);
}

Result<void> mount(http::Router& router, Agents& agents) {
  for (auto& route : agents.routes()) TRY(router.add(std::move(route)));
  return {};
}

http::Response refusal(unsigned status, std::string_view what) {
  std::string body = R"({"error":)";
  append_json_string(body, what.empty() ? kOurFault : what);
  return http::Response{.status = status, .body = body + '}'};
}

}  // namespace osprey::server::agents
