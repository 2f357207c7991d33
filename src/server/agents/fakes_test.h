// For tests of the agents' side: the other parts of the server, in memory, and a connection that keeps what is
// answered.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "server/agents/agents.h"
#include "server/agents/query_source.h"
#include "server/api/problem.h"
#include "server/carves/carves.h"
#include "server/enrollment/enrollment.h"
#include "server/hosts/hosts.h"
#include "server/queries/queries.h"
#include "server/results/results.h"

namespace osprey::server::agents {

// What has become of one request.
struct Exchange {
  std::mutex mutex;
  std::optional<http::Response> response;
  std::optional<http::Response> at_deadline;
  std::chrono::steady_clock::time_point deadline;
  bool gone = false;  // the peer

  std::string body() {
    const std::lock_guard lock(mutex);
    if (!response) return "";
    return response->shared_body ? *response->shared_body : response->body;
  }
  unsigned status() {
    const std::lock_guard lock(mutex);
    return response ? response->status : 0;
  }
  std::string header(std::string_view name) {
    const std::lock_guard lock(mutex);
    if (response)
      for (const auto& [each, value] : response->headers)
        if (each == name) return value;
    return "";
  }
};

struct ExchangeLink : http::Responder::Link {
  explicit ExchangeLink(std::shared_ptr<Exchange> of) : exchange(std::move(of)) {}
  bool send(http::Response response) override {
    const std::lock_guard lock(exchange->mutex);
    if (exchange->gone || exchange->response) return false;
    exchange->response = std::move(response);
    return true;
  }
  http::BodyStream stream(http::Response) override { return http::BodyStream(nullptr); }
  void park(std::chrono::steady_clock::time_point deadline, http::Response at_deadline) override {
    const std::lock_guard lock(exchange->mutex);
    exchange->deadline = deadline;
    exchange->at_deadline = std::move(at_deadline);
  }
  bool open() const override {
    const std::lock_guard lock(exchange->mutex);
    return !exchange->gone && !exchange->response;
  }
  std::shared_ptr<Exchange> exchange;
};

struct FakeEnrollment : enrollment::Enrollment {
  Result<std::string> enroll(const enrollment::Request& request, Timestamp) override {
    requests.push_back(request);
    if (request.secret == "away") return std::unexpected(Error{db::kUnavailable, "database", "postgresql://secret"});
    if (request.secret == "slow") return api::problem(api::kTooMany, "enrollment", "try again in 8 s");
    if (request.secret != "right") return api::problem(api::kForbidden, "enrollment", "the secret is not right");
    return "key-" + request.identifier;
  }
  std::optional<Known> recall(std::string_view key, std::string_view) const override {
    ++recalls;
    const auto found = keys.find(key);
    if (found != keys.end()) return Known{found->second};
    return elsewhere.contains(key) ? std::nullopt : std::optional(Known{});
  }
  bool is_of(std::string_view key, hosts::HostId host) const override {
    const auto found = keys.find(key);
    return found != keys.end() && found->second == host;
  }
  Result<Known> look_up(std::string_view key, std::string_view) override {
    ++look_ups;
    if (key == "unavailable") return std::unexpected(Error{db::kUnavailable, "database", "gone"});
    return Known{elsewhere.find(key)->second};
  }
  Result<void> revoke(db::Transaction&, hosts::HostId, bool, Timestamp) override { return {}; }
  const enrollment::Options& options() const override { return options_; }
  void settle() override {}

  std::vector<enrollment::Request> requests;
  std::map<std::string, hosts::HostId, std::less<>> keys{{"key-1", 1}, {"key-2", 2}};
  std::map<std::string, hosts::HostId, std::less<>> elsewhere{{"late", 3}, {"wrong", 0}, {"unavailable", 0}};
  mutable std::atomic<int> recalls{0};
  int look_ups = 0;
  enrollment::Options options_;
};

struct FakeHosts : hosts::Hosts {
  hosts::HostPtr find(hosts::HostId host) const override {
    const std::lock_guard lock(mutex);
    const auto found = hosts.find(host);
    return found == hosts.end() ? nullptr : found->second;
  }
  Result<hosts::HostPtr> look_up(hosts::HostId host) override {
    {
      const std::lock_guard lock(mutex);
      looked_up.push_back(host);
    }
    return find(host);
  }
  std::vector<hosts::HostPtr> all() const override { return {}; }
  void seen(hosts::HostId host, hosts::Sign sign, std::string_view address, Timestamp) noexcept override {
    const std::lock_guard lock(mutex);
    signs.emplace_back(host, sign, address);
  }
  void given(hosts::HostId host, std::string_view etag) noexcept override {
    const std::lock_guard lock(mutex);
    configurations[host] = etag;
  }
  Result<hosts::HostId> add(db::Transaction&, std::string_view identifier, const hosts::Details& details,
                            std::span<const hosts::TagId> tags, Timestamp) override {
    const std::lock_guard lock(mutex);
    const auto id = ++last;
    hosts[id] = std::make_shared<hosts::Host>(hosts::Host{
        .id = id, .identifier = std::string(identifier), .tags = std::vector<hosts::TagId>(tags.begin(), tags.end())});
    details_of[id] = details;
    return id;
  }
  Result<void> enrolled_again(db::Transaction&, hosts::HostId host, const hosts::Details& details, Timestamp) override {
    const std::lock_guard lock(mutex);
    details_of[host] = details;
    ++again;
    return {};
  }
  void add_listener(std::function<void(hosts::HostId)>) override {}
  void add_remover(std::function<Result<void>(db::Transaction&, hosts::HostId)> remove) override {
    remover = std::move(remove);
  }

  mutable std::mutex mutex;
  std::map<hosts::HostId, hosts::HostPtr> hosts;
  std::map<hosts::HostId, hosts::Details> details_of;
  std::vector<hosts::HostId> looked_up;
  std::vector<std::tuple<hosts::HostId, hosts::Sign, std::string>> signs;
  std::map<hosts::HostId, std::string> configurations;  // given last
  std::function<Result<void>(db::Transaction&, hosts::HostId)> remover;
  hosts::HostId last = 0;
  int again = 0;
};

struct FakeQueries : queries::Queries {
  std::shared_ptr<const queries::Composed> recall(const hosts::Host&) const override { return recalled; }
  Result<std::shared_ptr<const queries::Composed>> compose(const hosts::Host&) override {
    if (!composed) return std::unexpected(Error{db::kUnavailable, "database", "gone"});
    return composed;
  }
  static std::shared_ptr<const queries::Composed> make(std::string etag) {
    return std::make_shared<const queries::Composed>(
        queries::Composed{.etag = std::move(etag),
                          .reply = std::make_shared<const std::string>(R"({"schedule":{},"etag":"v1"})"),
                          .gzip_reply = std::make_shared<const std::string>("packed")});
  }
  Result<queries::Composition> explain(const hosts::Host&) override { return {}; }
  Result<std::vector<queries::Item>> list(std::optional<queries::Kind>) override { return {}; }
  Result<queries::Item> find(queries::Kind, const std::string&) override { return {}; }
  Result<std::vector<queries::Item>> history(queries::Kind, const std::string&) override { return {}; }
  Result<queries::Saved> save(const queries::Draft&, const identity::Caller&, Timestamp) override { return {}; }
  Result<void> remove(queries::Kind, const std::string&, const identity::Caller&, Timestamp) override { return {}; }
  Result<queries::Item> roll_back(queries::Kind, const std::string&, std::int64_t, const identity::Caller&,
                                  Timestamp) override {
    return {};
  }
  Result<queries::Effect> try_out(queries::Kind, const std::string&, const std::optional<queries::Draft>&,
                                  std::optional<hosts::HostId>) override {
    return {};
  }
  std::shared_ptr<const queries::Composed> recalled = make("v1");
  std::shared_ptr<const queries::Composed> composed = make("v1");
};

struct FakeResults : results::Results {
  bool store(results::LogBatch batch, std::function<void(const Result<void>&)> done) override {
    if (full) return false;
    batches.push_back(std::move(batch));
    pending.push_back(std::move(done));
    if (at_once) finish({});
    return true;
  }
  void finish(const Result<void>& result) {
    for (const auto& done : std::exchange(pending, {})) done(result);
  }
  Result<results::Page> search(const results::Filter&, std::optional<std::int64_t>, std::size_t,
                               std::chrono::milliseconds) const override {
    return {};
  }
  Result<results::Facets> facets(const results::Filter&, const results::FacetOptions&) const override { return {}; }
  Result<results::Retention> retention() const override { return {}; }
  Result<void> set_retention(db::Transaction&, const results::Retention&) override { return {}; }
  Result<void> remove_host(db::Transaction&, std::int64_t) override { return {}; }
  Result<results::Statistics> statistics() const override { return {}; }
  results::Counts counts() const override { return {}; }
  Result<void> maintain(Timestamp) override { return {}; }
  bool full = false;
  bool at_once = true;
  std::vector<results::LogBatch> batches;
  std::vector<std::function<void(const Result<void>&)>> pending;
};

struct FakeCarves : carves::Carves {
  Result<std::string> begin(hosts::HostId host, const carves::Start& start, Timestamp) override {
    starts.emplace_back(host, start);
    return "session-1";
  }
  Result<void> block(hosts::HostId, std::string_view session, std::uint64_t block_id, std::string_view data,
                     Timestamp) override {
    if (session != "session-1") return api::problem(api::kNotFound, "carve", "there is no such session");
    blocks[block_id] = data;
    return {};
  }
  Result<carves::Carve> find(carves::CarveId) override { return {}; }
  Result<std::vector<carves::Carve>> list(std::optional<hosts::HostId>, carves::CarveId, std::int64_t) override {
    return {};
  }
  Result<std::string> read(carves::CarveId, std::int64_t) override { return {}; }
  Result<void> remove(db::Transaction&, carves::CarveId) override { return {}; }
  Result<void> end_sessions(db::Transaction&, hosts::HostId host) override {
    ended.push_back(host);
    return {};
  }
  Result<void> remove_host(db::Transaction&, hosts::HostId) override { return {}; }
  Result<void> maintain(Timestamp) override { return {}; }
  std::vector<std::pair<hosts::HostId, carves::Start>> starts;
  std::map<std::uint64_t, std::string> blocks;
  std::vector<hosts::HostId> ended;
};

struct FakeSource : QuerySource {
  explicit FakeSource(std::string of) : name(std::move(of)) {}
  std::string_view prefix() const override { return name; }
  bool has(hosts::HostId host) const override {
    const std::lock_guard lock(mutex);
    return asks.contains(host);
  }
  void take(hosts::HostId host, std::vector<Ask>& into, std::uint32_t& accelerate) override {
    const std::lock_guard lock(mutex);
    const auto found = asks.find(host);
    if (found == asks.end()) return;
    into.insert(into.end(), found->second.begin(), found->second.end());
    accelerate = seconds;
    asks.erase(found);
  }
  void accept(hosts::HostId host, std::vector<Answer> answers, std::function<void(const Result<void>&)> done) override {
    const std::lock_guard lock(mutex);
    accepted.emplace_back(host, std::move(answers));
    pending.push_back(std::move(done));
  }
  void ask(hosts::HostId host, Ask query) {
    const std::lock_guard lock(mutex);
    asks[host].push_back(std::move(query));
  }
  void finish(const Result<void>& result) {
    for (const auto& done : std::exchange(pending, {})) done(result);
  }
  const std::string name;
  mutable std::mutex mutex;
  std::map<hosts::HostId, std::vector<Ask>> asks;
  std::uint32_t seconds = 0;
  std::vector<std::pair<hosts::HostId, std::vector<Answer>>> accepted;
  std::vector<std::function<void(const Result<void>&)>> pending;
};

}  // namespace osprey::server::agents
