#include "server/live/live.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "server/activity/activity.h"
#include "server/api/problem.h"
#include "server/db/test_database.h"
#include "server/hosts/fake_hosts.h"
#include "server/live/records.h"

namespace osprey::server::live {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

// Who looks on: keeps what is written.
struct Screen : http::BodyStream::Link {
  bool write(std::string piece) override {
    const std::scoped_lock lock(mutex);
    text += piece;
    changed.notify_all();
    return true;
  }
  std::size_t unsent() const override { return 0; }
  void when_drained(std::function<void()>) override {}
  void finish() override {
    const std::scoped_lock lock(mutex);
    finished = true;
    changed.notify_all();
  }
  bool shows(std::string_view wanted) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, 20s, [&] { return text.find(wanted) != std::string::npos; });
  }
  bool ends() {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, 20s, [&] { return finished; });
  }
  std::size_t count(std::string_view wanted) {
    const std::scoped_lock lock(mutex);
    std::size_t found = 0;
    for (auto at = text.find(wanted); at != std::string::npos; at = text.find(wanted, at + 1)) ++found;
    return found;
  }
  std::mutex mutex;
  std::condition_variable changed;
  std::string text;
  bool finished = false;
};

class LiveTest : public db::DatabaseTest {
 protected:
  void SetUp() override { migrate(schema(), activity::schema()); }

  // A server.
  std::unique_ptr<Live> serve() {
    return *start({.database = database(),
                   .hosts = hosts,
                   .clock = [this] { return Timestamp{now.load()}; },
                   .tag_by_name = [](std::string_view name) -> Result<hosts::TagId> {
                     if (name == "web") return 7;
                     return api::problem(api::kNotFound, "tag", "there is none");
                   },
                   .wake =
                       [this](std::span<const hosts::HostId> these) {
                         const std::scoped_lock lock(mutex);
                         woken.insert(woken.end(), these.begin(), these.end());
                         changed.notify_all();
                       },
                   .options = {.overdue = 300s, .answer_bytes = 4096}});
  }
  bool wait_for_woken(std::size_t count) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, 20s, [&] { return woken.size() >= count; });
  }
  template <class Condition>
  static bool wait_until(Condition condition) {
    for (int i = 0; i < 2000 && !condition(); ++i) std::this_thread::sleep_for(10ms);
    return condition();
  }
  static std::vector<std::string> take(Live& live, hosts::HostId host) {
    std::vector<agents::Ask> asks;
    std::uint32_t accelerate = 0;
    live.take(host, asks, accelerate);
    std::vector<std::string> ids;
    for (const auto& ask : asks) ids.push_back(ask.id);
    return ids;
  }
  static Result<void> answer(Live& live, hosts::HostId host, agents::Answer given) {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<Result<void>> result;
    std::vector<agents::Answer> answers;
    answers.push_back(std::move(given));
    live.accept(host, std::move(answers), [&](const Result<void>& done) {
      const std::scoped_lock lock(mutex);
      result = done;
      changed.notify_all();
    });
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return result.has_value(); });
    return *result;
  }
  Progress stands(QueryId id) { return *progress(database(), id); }

  hosts::FakeHosts hosts{100};
  std::atomic<std::int64_t> now{1'000'000};
  identity::Caller caller{.administrator = 1, .name = "ann", .permission = api::Permission::run_live};
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<hosts::HostId> woken;
};
INSTANTIATE_TEST_SUITE_P(Databases, LiveTest, db::both_dialects(), db::dialect_name);

// DST-01, DST-03, SRV-16.
TEST_P(LiveTest, AsksAndTellsWhileAnswersCome) {
  const auto live = serve();
  const auto asked = live->ask({.sql = "select 1 as a", .target = {.hosts = {1, 2, 3}}}, caller, {now});
  ASSERT_TRUE(asked) << asked.error().text();
  ASSERT_TRUE(wait_for_woken(3));
  const auto id = "live:" + std::to_string(asked->id);
  EXPECT_TRUE(live->has(1));
  EXPECT_FALSE(live->has(4));
  EXPECT_THAT(take(*live, 1), ElementsAre(id));
  EXPECT_THAT(take(*live, 1), IsEmpty()) << "it has been asked";
  const auto screen = std::make_shared<Screen>();
  live->watch(asked->id, http::BodyStream(screen));
  EXPECT_TRUE(screen->shows("event: query"));
  EXPECT_TRUE(answer(*live, 1, {.id = id, .rows = R"([{"b":"2","a":"1"}])", .stats = R"({"wall_time_ms":3})"}));
  EXPECT_TRUE(screen->shows(R"("rows":[{"b":"2","a":"1"}],"stats":{"wall_time_ms":3})"));
  EXPECT_TRUE(answer(*live, 2, {.id = id, .failed = true, .message = "distributed query is denylisted", .rows = "[]"}));
  EXPECT_TRUE(screen->shows("distributed query is denylisted"));
  EXPECT_TRUE(answer(*live, 3, {.id = id, .rows = "[]"}));
  EXPECT_TRUE(screen->ends());
  EXPECT_EQ(screen->count("event: answer"), 3U);
  EXPECT_EQ(screen->count("event: done"), 1U);
  EXPECT_EQ(stands(asked->id), (Progress{.targeted = 3, .answered = 2, .failed = 1, .rows = 1}));
  // A page that is opened later sees the same.
  const auto late = std::make_shared<Screen>();
  live->watch(asked->id, http::BodyStream(late));
  EXPECT_TRUE(late->ends());
  EXPECT_EQ(late->count("event: answer"), 3U);
}

TEST_P(LiveTest, MeansHostsByTagPlatformAndAll) {
  const auto live = serve();
  const auto targeted = [&](Target target) -> std::int64_t {
    const auto asked = live->ask({.sql = "select 1", .target = std::move(target)}, caller, {now});
    return asked ? stands(asked->id).targeted : -1;
  };
  EXPECT_EQ(targeted({.tags = {"web"}}), 10);
  EXPECT_EQ(targeted({.hosts = {1}, .tags = {"web"}}), 11);
  EXPECT_EQ(targeted({.platforms = {"debian"}}), 50);
  EXPECT_EQ(targeted({.all = true}), 100);
  EXPECT_EQ(targeted({}), -1);
  EXPECT_EQ(targeted({.hosts = {101}}), -1);
  EXPECT_EQ(targeted({.tags = {"wob"}}), -1);
}

TEST_P(LiveTest, SaysWhyATargetIsForNobody) {
  const auto live = serve();
  const auto refused = [&](Target target) {
    const auto asked = live->ask({.sql = "select 1", .target = std::move(target)}, caller, {now});
    return asked ? "" : asked.error().text();
  };
  EXPECT_THAT(refused({.platforms = {"solaris"}}), HasSubstr("of the platform solaris, but of debian, ubuntu"));
  EXPECT_THAT(refused({}), HasSubstr("hosts, tags, platforms or all"));
  for (const auto& host : hosts.known) const_cast<hosts::Host&>(*host).tags.clear();
  EXPECT_THAT(refused({.tags = {"web"}}), HasSubstr("no host has the tag web"));
  hosts.known.clear();
  EXPECT_THAT(refused({.all = true}), HasSubstr("no host has enrolled yet; what enrols one: ospreyctl secrets line"));
}

TEST_P(LiveTest, RefusesAQueryThatCannotRun) {
  const auto live = serve();
  const auto refused = live->ask({.sql = "select nme from processes", .target = {.all = true}}, caller, {now});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text(), HasSubstr("name"));
  EXPECT_TRUE(live->ask({.sql = "select * from launchd", .target = {.all = true}, .check = false}, caller, {now}));
}

// DST-05: the first answer counts; what was never asked is dropped.
TEST_P(LiveTest, CountsEachHostOnce) {
  const auto live = serve();
  const auto asked = live->ask({.sql = "select 1 as a", .target = {.hosts = {1}}}, caller, {now});
  ASSERT_TRUE(wait_for_woken(1));
  const auto id = "live:" + std::to_string(asked->id);
  EXPECT_TRUE(answer(*live, 2, {.id = id, .rows = R"([{"a":"another host's"}])"}));
  EXPECT_TRUE(answer(*live, 1, {.id = "live:999", .rows = "[]"}));
  EXPECT_TRUE(answer(*live, 1, {.id = "live:", .rows = "[]"}));
  EXPECT_TRUE(answer(*live, 1, {.id = id, .rows = R"([{"a":"1"}])"}));
  EXPECT_TRUE(answer(*live, 1, {.id = id, .rows = R"([{"a":"again"}])"}));
  const auto answers = *hosts_of(database(), asked->id, {});
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(boost::json::serialize(answers[0].rows), R"([{"a":"1"}])");
}

TEST_P(LiveTest, KeepsSoManyRowsOfAHost) {
  const auto live = serve();
  const auto asked =
      live->ask({.sql = "select 1 as a", .target = {.hosts = {1, 2, 3}}, .rows_a_host = 2}, caller, {now});
  ASSERT_TRUE(wait_for_woken(3));
  const auto id = "live:" + std::to_string(asked->id);
  EXPECT_TRUE(answer(*live, 1, {.id = id, .rows = R"([{"a":"1"},{"a":"2"},{"a":"3"}])"}));
  EXPECT_TRUE(answer(*live, 2, {.id = id, .rows = R"([{"a":")" + std::string(5000, 'x') + R"("},{"a":"2"}])"}));
  EXPECT_TRUE(answer(*live, 3, {.id = id, .rows = "{not rows"}));
  const auto answers = *hosts_of(database(), asked->id, {});
  EXPECT_EQ(answers[0].row_count, 2);
  EXPECT_EQ(answers[0].rows_dropped, 1);
  EXPECT_EQ(answers[1].row_count, 1) << "larger than an answer may be";
  EXPECT_EQ(answers[1].rows_dropped, 1);
  EXPECT_EQ(answers[2].state, HostState::failed);
}

TEST_P(LiveTest, TextIsNeverTakenForAnythingElse) {
  const auto live = serve();
  const std::string nasty = R"('; drop table live_hosts; -- <script>alert(1)</script> ${x} \" é)";
  const auto asked = live->ask({.sql = "select 1 as a", .name = nasty, .target = {.hosts = {1}}}, caller, {now});
  ASSERT_TRUE(asked);
  ASSERT_TRUE(wait_for_woken(1));
  const auto id = "live:" + std::to_string(asked->id);
  EXPECT_TRUE(answer(*live, 1, {.id = id, .failed = true, .message = nasty + std::string("\0x", 2), .rows = "[]"}));
  EXPECT_EQ(find(database(), asked->id)->name, nasty);
  EXPECT_EQ(hosts_of(database(), asked->id, {})->at(0).message, nasty + "x");
}

TEST_P(LiveTest, AsksAgainWhenAnAnswerIsOverdue) {
  const auto live = serve();
  ASSERT_TRUE(live->ask({.sql = "select 1", .target = {.hosts = {1}}, .expires_in_s = 3600}, caller, {now}));
  ASSERT_TRUE(wait_for_woken(1));
  EXPECT_EQ(take(*live, 1).size(), 1U);
  now += 299'000;
  EXPECT_FALSE(live->has(1));
  now += 1'000;
  EXPECT_EQ(take(*live, 1).size(), 1U);
}

// Who failed, and who was asked and is silent, is asked again, each counted once at every moment.
TEST_P(LiveTest, AsksAgainWhomItIsToldTo) {
  const auto live = serve();
  const auto asked = live->ask({.sql = "select 1 as a", .target = {.hosts = {1, 2, 3, 4}}}, caller, {now});
  ASSERT_TRUE(wait_for_woken(4));
  const auto id = "live:" + std::to_string(asked->id);
  for (const hosts::HostId host : {1, 2, 3}) EXPECT_THAT(take(*live, host), ElementsAre(id));
  EXPECT_TRUE(answer(*live, 1, {.id = id, .rows = R"([{"a":"1"}])"}));
  EXPECT_TRUE(answer(*live, 2, {.id = id, .failed = true, .message = "busy", .rows = "[]"}));
  const auto screen = std::make_shared<Screen>();
  live->watch(asked->id, http::BodyStream(screen));
  EXPECT_TRUE(screen->shows("busy"));
  ASSERT_TRUE(wait_until([&] { return stands(asked->id).asked == 1; })) << "host 3 is noted as asked";

  EXPECT_EQ(live->ask_again(asked->id, caller, {now}), 2);
  EXPECT_EQ(stands(asked->id), (Progress{.targeted = 4, .waiting = 3, .answered = 1, .rows = 1}));
  ASSERT_TRUE(wait_for_woken(6));
  EXPECT_FALSE(live->has(1));
  EXPECT_THAT(take(*live, 2), ElementsAre(id));
  EXPECT_THAT(take(*live, 3), ElementsAre(id));
  EXPECT_THAT(take(*live, 3), IsEmpty()) << "once";
  EXPECT_TRUE(answer(*live, 2, {.id = id, .rows = R"([{"a":"2"}])"}));
  EXPECT_TRUE(screen->shows(R"("rows":[{"a":"2"}])")) << "who looks on sees the new answer, too";
  EXPECT_TRUE(answer(*live, 3, {.id = id, .rows = "[]"}));
  EXPECT_THAT(take(*live, 4), ElementsAre(id));
  EXPECT_TRUE(answer(*live, 4, {.id = id, .rows = "[]"}));
  EXPECT_TRUE(screen->ends());
  EXPECT_EQ(screen->count("event: answer"), 5U);
  EXPECT_EQ(stands(asked->id), (Progress{.targeted = 4, .answered = 4, .rows = 2}));
  EXPECT_EQ(live->ask_again(asked->id, caller, {now}), 0);
  EXPECT_EQ(find(database(), asked->id)->state, State::finished) << "nobody is asked, so it stays ended";
}

TEST_P(LiveTest, AskingAgainHasAQueryRunOnceMoreUntilItsTimeIsOver) {
  const auto live = serve();
  const auto asked = live->ask({.sql = "select 1", .target = {.hosts = {1}}, .expires_in_s = 100}, caller, {now});
  ASSERT_TRUE(wait_for_woken(1));
  const auto id = "live:" + std::to_string(asked->id);
  const auto fail = [&] {
    EXPECT_THAT(take(*live, 1), ElementsAre(id));
    EXPECT_TRUE(answer(*live, 1, {.id = id, .failed = true, .message = "busy", .rows = "[]"}));
    EXPECT_TRUE(wait_until([&] { return find(database(), asked->id)->state == State::finished; }));
    EXPECT_EQ(stands(asked->id), (Progress{.targeted = 1, .failed = 1}));
  };
  fail();
  EXPECT_EQ(live->ask_again(asked->id, caller, {now}), 1);
  ASSERT_TRUE(wait_for_woken(2));
  EXPECT_EQ(find(database(), asked->id)->state, State::running);
  EXPECT_FALSE(find(database(), asked->id)->ended_at);
  fail();
  now += 100'000;
  const auto late = live->ask_again(asked->id, caller, {now});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, api::kConflict);
  EXPECT_THAT(late.error().text(), HasSubstr("has expired"));

  const auto other = live->ask({.sql = "select 2", .target = {.hosts = {1}}}, caller, {now});
  EXPECT_TRUE(live->cancel(other->id, caller, {now}));
  EXPECT_THAT(live->ask_again(other->id, caller, {now}).error().text(), HasSubstr("was cancelled"));
  EXPECT_EQ(live->ask_again(12345, caller, {now}).error().code, api::kNotFound);
}

// Asked again at the moment at which the last answer ends the query: it goes on.
TEST_P(LiveTest, IsNotFinishedWhileAHostHasYetToAnswer) {
  const auto live = serve();
  const auto asked = live->ask({.sql = "select 1", .target = {.hosts = {1}}}, caller, {now});
  const auto ended = database().write([&](db::Transaction& transaction) {
    return end(transaction, asked->id, State::finished, HostState::expired, {now});
  });
  EXPECT_FALSE(ended);
  EXPECT_EQ(find(database(), asked->id)->state, State::running);
  EXPECT_EQ(stands(asked->id), (Progress{.targeted = 1, .waiting = 1}));
}

// SRV-11: what a host was asked; and nothing of it once it is removed.
TEST_P(LiveTest, ARemovedHostIsNotWaitedForAndNothingOfItStays) {
  const auto live = serve();
  const auto answered = live->ask({.sql = "select 1", .target = {.hosts = {1, 2}}}, caller, {now});
  const auto open = live->ask({.sql = "select 2", .target = {.hosts = {1, 2}}}, caller, {now});
  const auto others = live->ask({.sql = "select 3", .target = {.hosts = {3}}}, caller, {now});
  EXPECT_TRUE(answer(*live, 1, {.id = "live:" + std::to_string(answered->id), .rows = "[]"}));
  EXPECT_TRUE(answer(*live, 2, {.id = "live:" + std::to_string(open->id), .rows = "[]"}));
  const auto of_host = [&] {
    const auto found = list(database(), {.host = 1});
    std::vector<QueryId> ids;
    for (const auto& query : *found) ids.push_back(query.id);
    return ids;
  };
  EXPECT_THAT(of_host(), ElementsAre(open->id, answered->id));
  const auto screen = std::make_shared<Screen>();
  live->watch(open->id, http::BodyStream(screen));
  ASSERT_TRUE(database().write([&](db::Transaction& transaction) { return live->remove_host(transaction, 1); }));
  EXPECT_TRUE(screen->ends());
  EXPECT_EQ(stands(open->id), (Progress{.targeted = 1, .answered = 1}));
  EXPECT_EQ(stands(answered->id), (Progress{.targeted = 1, .waiting = 1}));
  EXPECT_EQ(stands(others->id), (Progress{.targeted = 1, .waiting = 1}));
  EXPECT_THAT(of_host(), IsEmpty());
  EXPECT_FALSE(live->has(1));
}

TEST_P(LiveTest, EndsByExpiryAndByCancelling) {
  const auto live = serve();
  const auto soon = live->ask({.sql = "select 1", .target = {.hosts = {1, 2}}, .expires_in_s = 10}, caller, {now});
  const auto other = live->ask({.sql = "select 2", .target = {.hosts = {1}}}, caller, {now});
  ASSERT_TRUE(wait_for_woken(3));
  EXPECT_TRUE(answer(*live, 2, {.id = "live:" + std::to_string(soon->id), .rows = "[]"}));
  EXPECT_TRUE(live->cancel(other->id, caller, {now}));
  EXPECT_FALSE(live->cancel(other->id, caller, {now}));
  EXPECT_FALSE(live->cancel(12345, caller, {now}));
  const auto screen = std::make_shared<Screen>();
  live->watch(soon->id, http::BodyStream(screen));
  now += 10'000;
  EXPECT_TRUE(screen->ends());
  EXPECT_EQ(stands(soon->id), (Progress{.targeted = 2, .answered = 1, .expired = 1}));
  EXPECT_EQ(stands(other->id), (Progress{.targeted = 1, .cancelled = 1}));
  EXPECT_FALSE(live->has(1));
}

// What has been answered stays answered, what has not is still asked, when servers come and go.
TEST_P(LiveTest, GoesOnAfterARestart) {
  auto live = serve();
  const auto asked = live->ask({.sql = "select 1 as a", .target = {.hosts = {1, 2}}}, caller, {now});
  ASSERT_TRUE(wait_for_woken(2));
  const auto id = "live:" + std::to_string(asked->id);
  EXPECT_TRUE(answer(*live, 1, {.id = id, .rows = "[]"}));
  live.reset();
  live = serve();
  ASSERT_TRUE(wait_for_woken(3));
  EXPECT_FALSE(live->has(1));
  EXPECT_THAT(take(*live, 2), ElementsAre(id));
  EXPECT_TRUE(answer(*live, 2, {.id = id, .rows = "[]"}));
  EXPECT_EQ(stands(asked->id).answered, 2);
}

class SeveralServers : public LiveTest {};
INSTANTIATE_TEST_SUITE_P(Databases, SeveralServers, testing::Values(db::Dialect::postgresql), db::dialect_name);

TEST_P(SeveralServers, AnswerThroughWhicheverTheHostIsConnectedTo) {
  const auto here = serve();
  const auto elsewhere_database = open_another();
  hosts::FakeHosts elsewhere_hosts(100);
  const auto elsewhere = *start({.database = *elsewhere_database,
                                 .hosts = elsewhere_hosts,
                                 .clock = [this] { return Timestamp{now.load()}; },
                                 .tag_by_name = [](std::string_view) -> Result<hosts::TagId> { return 0; },
                                 .wake =
                                     [this](std::span<const hosts::HostId> these) {
                                       const std::scoped_lock lock(mutex);
                                       woken.insert(woken.end(), these.begin(), these.end());
                                       changed.notify_all();
                                     }});
  const auto asked = here->ask({.sql = "select 1 as a", .target = {.hosts = {1, 2}}}, caller, {now});
  ASSERT_TRUE(asked);
  ASSERT_TRUE(wait_for_woken(4)) << "two hosts on two servers";
  const auto screen = std::make_shared<Screen>();
  here->watch(asked->id, http::BodyStream(screen));
  const auto id = "live:" + std::to_string(asked->id);
  EXPECT_THAT(take(*elsewhere, 1), ElementsAre(id));
  EXPECT_TRUE(answer(*elsewhere, 1, {.id = id, .rows = R"([{"a":"from elsewhere"}])"}));
  EXPECT_TRUE(screen->shows("from elsewhere"));
  EXPECT_TRUE(wait_until([&] { return !here->has(1); })) << "it has answered, the host need not be asked here";
  EXPECT_TRUE(answer(*here, 2, {.id = id, .failed = true, .rows = "[]"}));
  EXPECT_TRUE(screen->ends());

  // Asked again here, on whichever server the host waits.
  EXPECT_EQ(here->ask_again(asked->id, caller, {now}), 1);
  ASSERT_TRUE(wait_for_woken(6)) << "one host on two servers";
  EXPECT_FALSE(elsewhere->has(1));
  EXPECT_THAT(take(*elsewhere, 2), ElementsAre(id));
  EXPECT_TRUE(answer(*elsewhere, 2, {.id = id, .rows = "[]"}));
  EXPECT_EQ(stands(asked->id), (Progress{.targeted = 2, .answered = 2, .rows = 1}));
}

}  // namespace
}  // namespace osprey::server::live
