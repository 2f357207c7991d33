#include "server/agents/agents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

#include "server/agents/accept_encoding.h"
#include "server/agents/fakes_test.h"

namespace osprey::server::agents {
namespace {

using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kHeld = "Osprey-Held-Read";

// The agents' side with everything around it in memory; "workers" are the test's own thread.
class AgentsTest : public testing::Test {
 protected:
  AgentsTest() {
    services.clock = [this] { return now; };
    services.enrollment = &enrollment;
    services.hosts = &hosts;
    services.queries = &queries;
    services.results = &results;
    services.carves = &carves;
    for (const hosts::HostId id : {1, 2, 3}) hosts.hosts[id] = std::make_shared<hosts::Host>(hosts::Host{.id = id});
    start({});
  }
  void start(const Options& options) {
    agents = make(services, {&live, &details}, [this](std::function<void()> job) { ++jobs, job(); }, options);
    routes = agents->routes();
  }

  const http::Route& route(std::string_view path, http::Method method = http::Method::post) const {
    const auto found =
        std::ranges::find_if(routes, [&](const auto& each) { return each.pattern == path && each.method == method; });
    if (found == routes.end()) throw std::logic_error("no such route");
    return *found;
  }
  // As a listener does it.
  std::shared_ptr<Exchange> post(std::string_view path, std::string body, http::Headers headers = {},
                                 http::Method method = http::Method::post) const {
    auto exchange = std::make_shared<Exchange>();
    http::Responder responder(std::make_unique<ExchangeLink>(exchange));
    http::Request request;
    request.method = method;
    request.headers = std::move(headers);
    request.peer = "192.0.2.7";
    const auto& served = route(path, method);
    if (served.admit)
      if (auto refused = served.admit(request)) {
        responder.send(std::move(*refused));
        return exchange;
      }
    request.body = std::move(body);
    served.handle(std::move(request), std::move(responder));
    return exchange;
  }
  std::shared_ptr<Exchange> read(std::string_view key = "key-1", std::string hold = "") const {
    http::Headers headers;
    if (!hold.empty()) headers.emplace_back("osprey-held-read", hold);
    return post("/api/osquery/distributed/read", R"({"node_key":")" + std::string(key) + "\"}", headers);
  }
  std::uint64_t count(Endpoint endpoint, Outcome outcome) const {
    return agents->counts().requests[static_cast<std::size_t>(endpoint)][static_cast<std::size_t>(outcome)];
  }

  Timestamp now{1'795'356'245'000};
  FakeEnrollment enrollment;
  FakeHosts hosts;
  FakeQueries queries;
  FakeResults results;
  FakeCarves carves;
  FakeSource live{"live:"};
  FakeSource details{"details:"};
  Services services;
  mutable int jobs = 0;
  std::unique_ptr<Agents> agents;
  std::vector<http::Route> routes;
};

http::Headers node_key(std::string key) { return {{"authorization", "NodeKey " + std::move(key)}}; }

TEST_F(AgentsTest, SRV02_AnswersOnThePathsOfOtherServersByPostAndPut) {
  for (const std::string prefix : {"/api/osquery", "/api/v1/osquery", "/v1", ""})
    for (const std::string path : {"/enroll", "/config", "/log", "/distributed/read", "/distributed/write"})
      for (const auto method : {http::Method::post, http::Method::put}) {
        const auto answered = post(prefix + path, "{}", {}, method);
        EXPECT_THAT(answered->body(), HasSubstr("error")) << prefix << path;
      }
  for (const std::string prefix : {"/api/osquery", "/api/v1/osquery"})
    for (const std::string path : {"/carve/begin", "/carve/block"}) EXPECT_NE(post(prefix + path, "{}")->status(), 0U);
  EXPECT_THAT(post("/version", "", {}, http::Method::get)->body(), HasSubstr("version"));
}

TEST_F(AgentsTest, OnlyLogAndWriteTakeGzipAndBodiesAreCapped) {
  start({.log_body = 1000});
  EXPECT_TRUE(route("/log").gzip_body);
  EXPECT_EQ(route("/log").body_cap, 1000U);
  EXPECT_FALSE(route("/config").gzip_body);
  EXPECT_LE(route("/config").body_cap, 64U << 10);
  EXPECT_EQ(route("/config").runs, http::Runs::on_listener);
  EXPECT_EQ(route("/log").runs, http::Runs::on_worker);
}

TEST_F(AgentsTest, EveryRefusalSaysWhy) {
  for (const auto& each : routes) {
    if (each.method == http::Method::get) continue;
    for (const std::string body : {"", "x", "{}", "[]", R"({"node_key":"none"})", R"({"node_key":7})", "\xff"}) {
      const auto answered = post(each.pattern, body, {}, each.method);
      EXPECT_GE(answered->status(), 400U) << each.pattern << body;
      EXPECT_THAT(answered->body(), HasSubstr("\"error\":\"")) << each.pattern << body;
      EXPECT_THAT(answered->body(), testing::Not(HasSubstr("\"error\":\"\""))) << each.pattern << body;
    }
  }
  EXPECT_EQ(refusal(413, "").body.find(R"({"error":"")"), std::string::npos);
}

// Enrolment

// Whoever asks all hosts from now on asks this one, too.
TEST_F(AgentsTest, WhoHasEnrolledIsKnownHereAtOnce) {
  EXPECT_EQ(post("/enroll", R"({"enroll_secret":"right","host_identifier":"1"})")->status(), 200U);
  EXPECT_THAT(hosts.looked_up, ElementsAre(1));
}

TEST_F(AgentsTest, EnrollGivesANodeKeyAndHandsOverWhoAsks) {
  const auto answered =
      post("/enroll", R"({"enroll_secret":"right","host_identifier":"1","host_details":{"t":{"c":"v"}}})");
  EXPECT_EQ(answered->status(), 200U);
  EXPECT_EQ(answered->body(), R"({"node_key":"key-1","node_invalid":false})");
  ASSERT_EQ(enrollment.requests.size(), 1U);
  EXPECT_EQ(enrollment.requests[0].address, "192.0.2.7");
  EXPECT_EQ(enrollment.requests[0].details.at("t").at("c"), "v");
  EXPECT_THAT(hosts.signs, ElementsAre(std::tuple(1, hosts::Sign::enroll, "192.0.2.7")));
}

TEST_F(AgentsTest, EnrollRefusesBySecretAndHidesOurFaults) {
  const auto wrong = post("/enroll", R"({"enroll_secret":"wrong","host_identifier":"1"})");
  EXPECT_EQ(wrong->status(), 403U);
  EXPECT_THAT(wrong->body(), HasSubstr("the secret is not right"));
  EXPECT_EQ(post("/enroll", R"({"enroll_secret":"slow"})")->status(), 429U);
  const auto away = post("/enroll", R"({"enroll_secret":"away"})");
  EXPECT_EQ(away->status(), 503U);
  EXPECT_THAT(away->body(), testing::Not(HasSubstr("postgresql")));
  EXPECT_EQ(count(Endpoint::enroll, Outcome::refused), 2U);
  EXPECT_EQ(count(Endpoint::enroll, Outcome::busy), 1U);
}

// Node keys

TEST_F(AgentsTest, AnInvalidKeyInTheHeaderIsRefusedBeforeTheBody) {
  const http::RequestHead head{.headers = node_key("revoked")};
  for (const auto& each : routes) {
    if (!each.admit || each.pattern.ends_with("enroll")) continue;
    const auto refused = each.admit(head);
    ASSERT_TRUE(refused) << each.pattern;
    EXPECT_EQ(refused->status, 401U);
    EXPECT_THAT(refused->body, HasSubstr(R"("node_invalid":true)"));
  }
  EXPECT_FALSE(route("/config").admit({.headers = node_key("key-1")}));
  EXPECT_FALSE(route("/config").admit({.headers = node_key("late")}));
  EXPECT_FALSE(route("/enroll").admit(head));
}

TEST_F(AgentsTest, AnotherHostsKeyInALogBatchIsRefusedAndCounted) {
  const auto answered = post("/log", R"({"node_key":"key-2","log_type":"result","data":[{"a":1}]})", node_key("key-1"));
  EXPECT_EQ(answered->status(), 403U);
  EXPECT_EQ(count(Endpoint::log, Outcome::foreign_key), 1U);
  EXPECT_THAT(results.batches, IsEmpty());
}

TEST_F(AgentsTest, AKeyThatMemoryDoesNotKnowIsLookedUpOnAWorker) {
  hosts.hosts[3] = std::make_shared<hosts::Host>(hosts::Host{.id = 3});
  EXPECT_EQ(post("/config", "{}", node_key("late"))->status(), 200U);
  EXPECT_EQ(jobs, 1);
  EXPECT_THAT(post("/config", R"({"node_key":"wrong"})")->body(), HasSubstr(R"("node_invalid":true)"));
  const auto unavailable = post("/config", R"({"node_key":"unavailable"})");
  EXPECT_EQ(unavailable->status(), 503U);
  EXPECT_THAT(unavailable->body(), testing::Not(HasSubstr("node_invalid")));
}

// Configuration

TEST_F(AgentsTest, CFG01_ConfigurationComesFromMemory) {
  const auto answered = post("/config", R"({"node_key":"key-1"})");
  EXPECT_EQ(answered->body(), R"({"schedule":{},"etag":"v1"})");
  EXPECT_EQ(answered->header("content-encoding"), "");
  EXPECT_EQ(jobs, 0);
  EXPECT_THAT(hosts.signs, ElementsAre(std::tuple(1, hosts::Sign::config, "192.0.2.7")));
}

TEST_F(AgentsTest, AKnownConfigurationIsNotSentAgain) {
  EXPECT_EQ(post("/config", R"({"node_key":"key-1","etag":"v1"})")->body(), R"({"etag":"ok"})");
  EXPECT_EQ(post("/config", R"({"node_key":"key-1","etag":""})")->body(), R"({"schedule":{},"etag":"v1"})");
  EXPECT_EQ(post("/config", R"({"node_key":"key-1","etag":"v0"})")->body(), R"({"schedule":{},"etag":"v1"})");
  EXPECT_EQ(agents->counts().configs_unchanged, 1U);
  EXPECT_THAT(hosts.configurations, ElementsAre(std::pair(1, "v1")));
}

TEST_F(AgentsTest, ConfigurationIsPackedWhereTheAgentTakesThat) {
  const auto answered = post("/config", R"({"node_key":"key-1"})", {{"accept-encoding", "deflate, gzip;q=0.5"}});
  EXPECT_EQ(answered->body(), "packed");
  EXPECT_EQ(answered->header("content-encoding"), "gzip");
  EXPECT_EQ(post("/config", R"({"node_key":"key-1"})", {{"accept-encoding", "gzip;q=0"}})->header("content-encoding"),
            "");
}

TEST_F(AgentsTest, WhatIsNotComposedYetIsComposedOnAWorker) {
  queries.recalled = nullptr;
  EXPECT_EQ(post("/config", R"({"node_key":"key-1"})")->status(), 200U);
  EXPECT_EQ(jobs, 1);
  EXPECT_THAT(hosts.configurations, ElementsAre(std::pair(1, "v1")));
  queries.composed = nullptr;
  EXPECT_EQ(post("/config", R"({"node_key":"key-1"})")->status(), 503U);
  hosts.hosts.clear();
  EXPECT_EQ(post("/config", R"({"node_key":"key-1"})")->status(), 503U);
}

TEST(AcceptEncoding, KnowsWeights) {
  for (const auto* yes : {"gzip", "GZIP", "br, gzip", "*", "gzip;q=1.0", "x-gzip", "identity;q=0, gzip"})
    EXPECT_TRUE(accepts_gzip(yes)) << yes;
  for (const auto* no : {"", "br", "gzip;q=0", "gzip; q=0.000", "*, gzip;q=0", "gzipped", "*;q=0", "gzip;q=x"})
    EXPECT_FALSE(accepts_gzip(no)) << no;
}

// Log

TEST_F(AgentsTest, ALogBatchIsAnsweredWhenItIsDurable) {
  results.at_once = false;
  const auto answered = post(
      "/log",
      R"({"data":[{"hostIdentifier":"somebody else","calendarTime":"a year off"}],"log_type":"result","node_key":"key-2"})");
  ASSERT_EQ(results.batches.size(), 1U);
  EXPECT_EQ(results.batches[0].host, 2);  // by node key alone
  EXPECT_EQ(results.batches[0].received, now);
  EXPECT_EQ(answered->status(), 0U);
  results.finish({});
  EXPECT_EQ(answered->body(), "{}");
}

TEST_F(AgentsTest, WhatCannotBeStoredIsNotAcknowledged) {
  const std::string batch = R"({"data":[{"a":1}],"log_type":"status","node_key":"key-1"})";
  results.full = true;
  const auto full = post("/log", batch);
  EXPECT_EQ(full->status(), 503U);
  EXPECT_THAT(full->body(), HasSubstr("error"));
  results.full = false;
  results.at_once = false;
  const auto failed = post("/log", batch);
  results.finish(failure("database", "no space"));
  EXPECT_EQ(failed->status(), 500U);
  EXPECT_THAT(failed->body(), testing::Not(HasSubstr("no space")));
  EXPECT_TRUE(results.batches[0].status);
}

TEST_F(AgentsTest, LinesThatCannotBeKeptDoNotHoldUpTheOthers) {
  EXPECT_EQ(post("/log", R"({"data":[7,{"a":1}],"log_type":"result","node_key":"key-1"})")->status(), 200U);
  EXPECT_THAT(results.batches[0].lines, ElementsAre(R"({"a":1})"));
  EXPECT_EQ(agents->counts().lines_dropped, 1U);
  EXPECT_EQ(post("/log", R"({"data":[],"log_type":"result","node_key":"key-1"})")->status(), 200U);
  EXPECT_EQ(results.batches.size(), 1U);
}

TEST_F(AgentsTest, AFullBatchOfLongLinesPasses) {
  std::string body = R"({"node_key":"key-1","log_type":"result","data":[)";
  const std::string line = R"({"name":"q","columns":{"text":")" + std::string(30'000, 'x') + "\"}}";
  for (int i = 0; i < 1024; ++i) body += (i == 0 ? "" : ",") + line;
  EXPECT_EQ(post("/log", body + "]}")->status(), 200U);
  ASSERT_EQ(results.batches.size(), 1U);
  EXPECT_EQ(results.batches[0].lines.size(), 1024U);
  EXPECT_EQ(results.batches[0].lines[1023], line);
}

// Distributed queries

TEST_F(AgentsTest, NothingToAskTouchesNoDatabaseAndNoWorker) {
  const auto answered = read();
  EXPECT_EQ(answered->body(), R"({"queries":{}})");
  EXPECT_EQ(answered->header(kHeld), "55");
  EXPECT_EQ(jobs, 0);
  EXPECT_EQ(enrollment.look_ups, 0);
  EXPECT_EQ(agents->counts().reads_empty, 1U);
}

TEST_F(AgentsTest, DST01_QueriesOfAllSourcesGoOutOnceAndTheLongestAccelerationCounts) {
  live.ask(1, {.id = "live:1", .sql = "select '\"'"});
  details.ask(1, {.id = "details:os", .sql = "select 1", .discovery = "select 2"});
  live.seconds = 60;
  details.seconds = 10;
  EXPECT_EQ(
      read()->body(),
      R"({"queries":{"live:1":"select '\"'","details:os":"select 1"},"discovery":{"details:os":"select 2"},"accelerate":60})");
  EXPECT_EQ(read()->body(), R"({"queries":{}})");
  EXPECT_EQ(agents->counts().queries_sent, 2U);
}

TEST_F(AgentsTest, AHeldReadIsAnsweredWhenThereIsAQuery) {
  const auto answered = read("key-1", "20");
  EXPECT_EQ(answered->status(), 0U);
  EXPECT_EQ(agents->held(), 1U);
  EXPECT_LE(answered->deadline, std::chrono::steady_clock::now() + seconds(20));
  EXPECT_EQ(answered->at_deadline->body, R"({"queries":{}})");
  EXPECT_THAT(answered->at_deadline->headers, Contains(testing::Pair(std::string(kHeld), "55")));

  live.ask(1, {.id = "live:1", .sql = "select 1"});
  agents->wake(std::vector<hosts::HostId>{7, 2, 1});
  EXPECT_EQ(answered->body(), R"({"queries":{"live:1":"select 1"}})");
  EXPECT_EQ(agents->held(), 0U);
}

TEST_F(AgentsTest, AReadIsHeldNoLongerThanOffered) {
  const auto longest = read("key-1", "100000")->deadline;
  EXPECT_LE(longest, std::chrono::steady_clock::now() + seconds(55));
  for (const auto* not_wanted : {"0", "-1", "x", "99999999999999999999"})
    EXPECT_EQ(read("key-1", not_wanted)->body(), R"({"queries":{}})") << not_wanted;
  start({.hold = seconds(0)});
  const auto answered = read("key-1", "20");
  EXPECT_EQ(answered->body(), R"({"queries":{}})");
  EXPECT_EQ(answered->header(kHeld), "");
}

TEST_F(AgentsTest, ANewerReadReplacesTheOlder) {
  const auto older = read("key-1", "20");
  const auto newer = read("key-1", "20");
  EXPECT_EQ(older->body(), R"({"queries":{}})");
  EXPECT_EQ(newer->status(), 0U);
  EXPECT_EQ(agents->held(), 1U);
  EXPECT_EQ(agents->counts().reads_replaced, 1U);
}

TEST_F(AgentsTest, AQueryThatComesBetweenTheLookAndTheHoldIsNotMissed) {
  // has() says no at the first look of each read, as if the query came right after it.
  struct Late : FakeSource {
    using FakeSource::FakeSource;
    bool has(hosts::HostId) const override { return looks++ % 2 == 1; }
    mutable int looks = 0;
  } late("late:");
  agents = make(services, {&late}, [](const std::function<void()>& job) { job(); }, {});
  routes = agents->routes();
  late.ask(1, {.id = "late:1", .sql = "select 1"});
  EXPECT_EQ(read("key-1", "20")->body(), R"({"queries":{"late:1":"select 1"}})");
  EXPECT_EQ(agents->held(), 0U);
}

TEST_F(AgentsTest, WhoHasGoneIsAskedNothing) {
  const auto answered = read("key-1", "20");
  answered->gone = true;
  live.ask(1, {.id = "live:1", .sql = "select 1"});
  agents->wake(std::vector<hosts::HostId>{1});
  EXPECT_TRUE(live.has(1));
  EXPECT_EQ(read()->body(), R"({"queries":{"live:1":"select 1"}})");
}

// A stolen key, revoked while it waits: neither learns it what is asked, nor counts the host as asked.
TEST_F(AgentsTest, AReadThatIsHeldWithARevokedKeyIsAskedNothing) {
  for (const auto& [key, headers] : {std::pair("key-1", http::Headers{}), std::pair("", node_key("key-1"))}) {
    enrollment.keys["key-1"] = 1;
    auto with_hold = headers;
    with_hold.emplace_back("osprey-held-read", "20");
    const auto held = post("/api/osquery/distributed/read", R"({"node_key":")" + std::string(key) + "\"}", with_hold);
    EXPECT_EQ(held->status(), 0U);
    enrollment.keys.erase("key-1");
    live.ask(1, {.id = "live:1", .sql = "select 1"});
    agents->wake(std::vector<hosts::HostId>{1});
    EXPECT_EQ(held->body(), R"({"queries":{}})");
    EXPECT_TRUE(live.has(1));
    live.asks.clear();
  }
}

TEST_F(AgentsTest, HeldReadsAreBoundedAndThoseOfTheGoneAreSweptOut) {
  start({.held = 64});
  for (hosts::HostId id = 100; id < 5000; ++id) {
    const auto key = "k" + std::to_string(id);
    enrollment.keys[key] = id;
    const auto answered = read(key, "20");
    if (id % 2 == 0) answered->gone = true;
  }
  EXPECT_LE(agents->held(), 128U);
}

TEST_F(AgentsTest, QueriesAndReadsFromManyThreadsMeet) {
  constexpr int kHosts = 200;
  constexpr int kRounds = 20;
  for (hosts::HostId id = 0; id < kHosts; ++id) enrollment.keys["k" + std::to_string(id)] = id + 1;
  std::atomic<bool> ending{false};
  std::atomic<int> got{0};
  std::vector<std::thread> readers;
  for (int t = 0; t < 4; ++t)
    readers.emplace_back([&, t] {
      std::vector<std::shared_ptr<Exchange>> held(kHosts);
      while (!ending) {
        for (int id = t; id < kHosts; id += 4) {
          auto& mine = held[id];
          if (mine && mine->status() == 0) continue;
          if (mine && mine->body().find("live:") != std::string::npos) ++got;
          mine = read("k" + std::to_string(id), "20");
        }
      }
      for (const auto& mine : held)
        if (mine && mine->body().find("live:") != std::string::npos) ++got;
    });
  std::vector<hosts::HostId> all;
  for (hosts::HostId id = 1; id <= kHosts; ++id) all.push_back(id);
  for (int round = 0; round < kRounds; ++round) {
    for (const auto id : all) live.ask(id, {.id = "live:1", .sql = "select 1"});
    agents->wake(all);
    // Every query is answered without another wake.
    while ([&] {
      const std::lock_guard lock(live.mutex);
      return !live.asks.empty();
    }())
      std::this_thread::yield();
  }
  ending = true;
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(got, kHosts * kRounds);
}

TEST_F(AgentsTest, EachSourceGetsItsAnswersAndTheHostItsReplyOnceAllAreDurable) {
  const auto answered =
      post("/distributed/write",
           R"({"node_key":"key-1","queries":{"live:1":[{"a":"1"}],"details:os":[],"live:2":"","x:1":[]},)"
           R"("statuses":{"live:2":"1"},"messages":{"live:2":"<script>"}})");
  ASSERT_EQ(live.accepted.size(), 1U);
  EXPECT_EQ(live.accepted[0].first, 1);
  ASSERT_EQ(live.accepted[0].second.size(), 2U);
  EXPECT_EQ(live.accepted[0].second[0].rows, R"([{"a":"1"}])");
  EXPECT_EQ(live.accepted[0].second[1].message, "<script>");
  ASSERT_EQ(details.accepted.size(), 1U);
  live.finish({});
  EXPECT_EQ(answered->status(), 0U);
  details.finish({});
  EXPECT_EQ(answered->body(), "{}");
  EXPECT_EQ(agents->counts().answers_unknown, 1U);
}

TEST_F(AgentsTest, AnswersThatAreNotDurableAreSentAgain) {
  const auto answered = post("/distributed/write", R"({"node_key":"key-1","queries":{"live:1":[],"details:1":[]}})");
  live.finish(std::unexpected(Error{db::kUnavailable, "database", "gone"}));
  details.finish({});
  EXPECT_EQ(answered->status(), 503U);
  EXPECT_THAT(answered->body(), HasSubstr("error"));
}

TEST_F(AgentsTest, ResultsOfNobodysQueryAreDroppedAndAnswered) {
  const auto answered = post("/distributed/write", R"({"node_key":"key-1","queries":{"'; DROP TABLE x":[{"a":"1"}]}})");
  EXPECT_EQ(answered->body(), "{}");
  EXPECT_THAT(live.accepted, IsEmpty());
  EXPECT_EQ(agents->counts().answers_unknown, 1U);
}

// Carves

TEST_F(AgentsTest, ACarveIsBegunByNodeKeyAndGoesOnBySession) {
  const auto begun = post(
      "/api/v1/osquery/carve/begin",
      R"({"block_count":1,"block_size":4096,"carve_size":3,"carve_id":"../../etc/passwd","request_id":"r","node_key":"key-1"})");
  EXPECT_EQ(begun->body(), R"({"session_id":"session-1"})");
  ASSERT_EQ(carves.starts.size(), 1U);
  EXPECT_EQ(carves.starts[0].first, 1);
  const std::string block = R"({"block_id":0,"session_id":"session-1","request_id":"r","data":"YWJj"})";
  EXPECT_EQ(post("/carve/block", block)->body(), "{}");
  EXPECT_EQ(post("/carve/block", block, node_key("key-1"))->body(), "{}");
  EXPECT_EQ(carves.blocks.at(0), "abc");
  EXPECT_THAT(post("/carve/block", block, node_key("revoked"))->body(), HasSubstr(R"("node_invalid":true)"));
  const auto unknown = post("/carve/block", R"({"block_id":0,"session_id":"../x","data":""})");
  EXPECT_EQ(unknown->status(), 404U);
  EXPECT_THAT(unknown->body(), HasSubstr("error"));
  EXPECT_EQ(post("/carve/begin", "{}")->status(), 400U);
}

}  // namespace
}  // namespace osprey::server::agents
