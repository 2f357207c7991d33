// For tests of this slice and of tags: one server's hosts, and the hosts that talk to it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "server/activity/activity.h"
#include "server/api/endpoint.h"
#include "server/api/testing.h"
#include "server/db/test_database.h"
#include "server/hosts/service.h"

namespace osprey::server::hosts {

inline constexpr std::int64_t kStart = 1'795'000'000'000;
inline const identity::Caller kCaller{.administrator = 1, .name = "admin"};

// Waits for what another thread brings about.
template <class F>
bool eventually(const F& holds) {
  for (int i = 0; i < 1000; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

// What a listener was told, by whichever thread. A listener may be called until its service ends, which is after the
// test's body: it shares this.
template <class Id>
class Told {
 public:
  void add(std::span<const Id> ids) {
    const std::lock_guard lock(mutex_);
    told_.insert(told_.end(), ids.begin(), ids.end());
  }
  std::vector<Id> all() const {
    const std::lock_guard lock(mutex_);
    return told_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Id> told_;
};

// Held reads that only note who was woken.
class Woken : public agents::HeldReads {
 public:
  void wake(std::span<const HostId> hosts) override { woken_.add(hosts); }
  std::vector<HostId> all() const { return woken_.all(); }

 private:
  Told<HostId> woken_;
};

// One server; what it saw is written when a test says so.
struct Server {
  Server(db::Database& database, const std::atomic<std::int64_t>& now, Options options = {}) {
    services.clock = [&now] { return Timestamp{now}; };
    services.database = &database;
    services.held_reads = &held_reads;
    options.flush = std::chrono::hours(1);
    auto started = start(services, options);
    if (!started) throw std::runtime_error(started.error().text());
    hosts = std::move(*started);
    services.hosts = hosts.get();
  }
  Woken held_reads;
  Services services;
  std::unique_ptr<Service> hosts;
};

inline Details details_of(const std::string& name) {
  return {{"os_version", {{"platform", "debian"}, {"name", "Debian GNU/Linux"}, {"version", "12 (bookworm)"}}},
          {"osquery_info", {{"version", "5.23.0"}, {"instance_id", "i-" + name}}},
          {"system_info",
           {{"hostname", name},
            {"uuid", "u-" + name},
            {"physical_memory", "25276510208"},
            {"cpu_brand", std::string("EPYC\0\0", 6)}}},
          {"platform_info", {{"vendor", "x"}}}};
}

// What a worker does with a host's answers; waits until they are kept.
inline Result<void> answer(agents::QuerySource& source, HostId host, std::vector<agents::Answer> answers) {
  std::promise<Result<void>> kept;
  source.accept(host, std::move(answers), [&](const Result<void>& result) { kept.set_value(result); });
  return kept.get_future().get();
}

// What an endpoint answers, without listener and sign-in.
struct Answered {
  unsigned status = 0;
  boost::json::value body;
};
inline Answered ask(const Services& services, std::string_view operation, std::vector<std::string> parameters,
                    const std::string& query_or_body = "") {
  const auto all = api::endpoints();
  const auto named = std::ranges::find(all, operation, &api::NamedEndpoint::operation);
  if (named == all.end()) throw std::runtime_error("no such endpoint");
  const auto endpoint = named->make();
  http::Request request;
  request.method = endpoint.method;
  request.parameters = std::move(parameters);
  const bool has_body = endpoint.method != http::Method::get && endpoint.method != http::Method::delete_;
  (has_body ? request.body : request.query) = query_or_body;
  api::testing::Reply reply;
  endpoint.run(request, api::Context{.caller = kCaller, .services = services, .now = services.clock(), .head = request},
               http::Responder(std::make_unique<api::testing::Link>(reply)));
  return {reply.status, reply.body.empty() ? boost::json::value() : reply.json()};
}

class ServerTest : public db::DatabaseTest {
 protected:
  Server& server() {
    if (!server_) server_ = std::make_unique<Server>(database(), now);
    return *server_;
  }
  Service& hosts() { return *server().hosts; }

  HostId add(const std::string& name, std::vector<TagId> tags = {}) {
    auto id = database().write([&](db::Transaction& transaction) {
      return hosts().add(transaction, name, details_of(name), tags, Timestamp{now});
    });
    if (!id) throw std::runtime_error(id.error().text());
    EXPECT_TRUE(*hosts().look_up(*id));
    return *id;
  }

  std::atomic<std::int64_t> now = kStart;

 private:
  std::unique_ptr<Server> server_;
};

}  // namespace osprey::server::hosts
