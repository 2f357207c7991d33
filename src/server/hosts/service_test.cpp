#include "server/hosts/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <soci/soci.h>

#include <atomic>
#include <thread>

#include "server/hosts/detail_queries.h"
#include "server/hosts/records.h"
#include "server/hosts/search.h"
#include "server/hosts/testing.h"

namespace osprey::server::hosts {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class HostsTest : public ServerTest {
 protected:
  HostsTest() { migrate(hosts::schema(), activity::schema()); }

  void change_tag(HostId host, TagId tag, bool has, Origin origin = Origin::hand) {
    const TagChange change{.host = host, .tag = tag, .has = has};
    EXPECT_TRUE(database().write([&](db::Transaction& transaction) {
      return hosts().change_tags(transaction, origin, {&change, 1}, Timestamp{now});
    }));
    hosts().reload({&host, 1});
  }

  Result<void> answer(HostId host, std::vector<agents::Answer> answers) {
    return hosts::answer(hosts(), host, std::move(answers));
  }

  std::vector<Detail> details(HostId host) {
    return *database().read([&](soci::session& sql) { return load_details(sql, host); });
  }
};

INSTANTIATE_TEST_SUITE_P(Databases, HostsTest, db::both_dialects(), db::dialect_name);

TEST_P(HostsTest, AnEnrolledHostIsKnownWithWhatItSent) {
  const auto id = add("web-1", {7, 3});
  const auto host = hosts().find(id);
  ASSERT_TRUE(host);
  EXPECT_EQ(host->identifier, "web-1");
  EXPECT_EQ(host->platform, "debian");
  EXPECT_EQ(host->version, "5.23.0");
  EXPECT_EQ(host->cpu, "EPYC");
  EXPECT_EQ(host->memory, 25276510208);
  EXPECT_THAT(host->tags, ElementsAre(3, 7));
  EXPECT_EQ(host->enrolled.ms, kStart);
  EXPECT_THAT(details(id), SizeIs(3));  // platform_info is none of ours
  // A restart knows the same.
  Server again(database(), now);
  EXPECT_EQ(*again.hosts->find(id), *host);
}

TEST_P(HostsTest, EnrolmentThatRollsBackLeavesNoHost) {
  HostId id = 0;
  EXPECT_FALSE(database().write([&](db::Transaction& transaction) -> Result<void> {
    id = *hosts().add(transaction, "web", details_of("web"), {}, Timestamp{now});
    return failure("", "no");
  }));
  EXPECT_EQ(*hosts().look_up(id), nullptr);
  EXPECT_THAT(hosts().all(), IsEmpty());
}

TEST_P(HostsTest, ReEnrolmentKeepsIdentityTagsAndHistory) {
  const auto id = add("web-1", {3});
  now += 86'400'000;
  auto newer = details_of("web-1");
  newer["osquery_info"]["version"] = "5.24.0";
  ASSERT_TRUE(database().write(
      [&](db::Transaction& transaction) { return hosts().enrolled_again(transaction, id, newer, Timestamp{now}); }));
  ASSERT_TRUE(eventually([&] { return hosts().find(id)->version == "5.24.0"; }));
  EXPECT_THAT(hosts().find(id)->tags, ElementsAre(3));
  EXPECT_EQ(hosts().find(id)->enrolled.ms, kStart);
  EXPECT_EQ(hosts().find(id)->enrolled_again.ms, now);
  const auto history = *database().read([&](soci::session& sql) { return load_enrolments(sql, id); });
  ASSERT_THAT(history, SizeIs(2));
  EXPECT_EQ(history[0].version, "5.24.0");
  EXPECT_EQ(history[1].at.ms, kStart);
}

TEST_P(HostsTest, ARemovedHostIsGoneEverywhereAndComesBackAsAnotherOne) {
  const auto id = add("web-1", {3});
  const auto told = std::make_shared<Told<HostId>>();
  hosts().add_listener([told](HostId host) { told->add({&host, 1}); });
  HostId removed = 0;
  hosts().add_remover([&](db::Transaction&, HostId host) -> Result<void> {
    removed = host;
    return {};
  });
  const HostId both[] = {id, 999};
  EXPECT_EQ(*hosts().remove(both, kCaller, Timestamp{now}), 1);
  EXPECT_EQ(removed, id);
  EXPECT_EQ(hosts().find(id), nullptr);
  EXPECT_THAT(told->all(), Contains(id));
  EXPECT_FALSE(hosts().has(id));
  EXPECT_THAT(details(id), IsEmpty());
  hosts().seen(id, Sign::config, "10.0.0.1", Timestamp{now});
  EXPECT_TRUE(hosts().flush());
  EXPECT_GT(add("web-1"), id);
}

TEST_P(HostsTest, ARemoverThatRefusesKeepsTheHost) {
  const auto id = add("web-1");
  hosts().add_remover([](db::Transaction&, HostId) -> Result<void> { return failure("node keys", "no"); });
  EXPECT_FALSE(hosts().remove({&id, 1}, kCaller, Timestamp{now}));
  EXPECT_TRUE(hosts().find(id));
}

TEST_P(HostsTest, WhatWasSeenIsWrittenByTheBatch) {
  const auto id = add("web-1");
  now += 60'000;
  hosts().seen(id, Sign::distributed, "10.0.0.1", Timestamp{now});
  hosts().seen(id, Sign::config, "10.0.0.1", Timestamp{now + 5});
  hosts().seen(12345, Sign::config, "10.0.0.1", Timestamp{now});  // nobody
  EXPECT_EQ(last_of(hosts().roster().signs(id)).ms, now + 5);
  ASSERT_TRUE(hosts().flush());
  EXPECT_EQ(hosts().find(id)->address, "10.0.0.1");
  EXPECT_EQ(hosts().counts().flushed, 1U);
  ASSERT_TRUE(hosts().flush());
  EXPECT_EQ(hosts().counts().flushed, 1U) << "nothing new is nothing written";
  hosts().seen(id, Sign::distributed, "10.0.0.1", Timestamp{now + 10'000});
  ASSERT_TRUE(hosts().flush());
  const auto signs = *database().read([&](soci::session& sql) { return load_signs(sql, id); });
  EXPECT_EQ(signs[static_cast<std::size_t>(Sign::distributed)].first.ms, now);
  EXPECT_EQ(signs[static_cast<std::size_t>(Sign::distributed)].last.ms, now + 10'000);
  EXPECT_EQ(signs[static_cast<std::size_t>(Sign::config)].last.ms, now + 5);

  const auto configuration = [&] {
    return *database().read([&](soci::session& sql) { return load_configuration(sql, id); });
  };
  EXPECT_EQ(configuration(), "");
  for (const std::string etag : {"the first", "it's another"}) {
    hosts().given(id, etag);
    ASSERT_TRUE(hosts().flush());
    EXPECT_EQ(configuration(), etag);
  }
  const auto flushed = hosts().counts().flushed;
  hosts().given(id, "it's another");
  ASSERT_TRUE(hosts().flush());
  EXPECT_EQ(hosts().counts().flushed, flushed) << "nothing is written for a poll";
  EXPECT_EQ(signs[static_cast<std::size_t>(Sign::log)].first.ms, 0);
  Server again(database(), now);
  EXPECT_EQ(last_of(again.hosts->roster().signs(id)).ms, now + 10'000);
}

TEST_P(HostsTest, DetailsAreAskedAtOnceAndThenOnTheServersSchedule) {
  const auto id = add("web-1");
  std::uint32_t accelerate = 0;
  std::vector<agents::Ask> asks;
  ASSERT_TRUE(hosts().has(id));
  hosts().take(id, asks, accelerate);
  EXPECT_THAT(asks, SizeIs(detail_queries().size()));
  EXPECT_EQ(asks[0].id, "detail:os_version");
  EXPECT_FALSE(hosts().has(id)) << "asked, the answer is on its way";
  now += 61'000;
  EXPECT_TRUE(hosts().has(id)) << "no answer: asked again";
  ASSERT_TRUE(answer(id, {{.id = "detail:kernel_info", .rows = R"([{"version":"6.1.0-18","arguments":"quiet"}])"}}));
  EXPECT_EQ(hosts().find(id)->kernel, "6.1.0-18");
  EXPECT_FALSE(hosts().has(id));
  now += 3600'000 * 11 / 10 + 1;
  EXPECT_TRUE(hosts().has(id));
  EXPECT_FALSE(hosts().has(999));
}

TEST_P(HostsTest, AnswersAreWrittenOnlyWhereDifferentAndErrorsStandBesideTheLastGoodState) {
  const auto id = add("web-1");
  const std::string rows = R"([{"version":"6.1.0"}])";
  ASSERT_TRUE(answer(id, {{.id = "detail:kernel_info", .rows = rows}}));
  const auto first = now.load();
  now += 3600'000;
  ASSERT_TRUE(answer(id, {{.id = "detail:kernel_info", .rows = rows}}));
  const auto kernel = [&] {
    const auto all = details(id);
    return *std::ranges::find(all, "kernel_info", &Detail::query);
  };
  EXPECT_EQ(kernel().changed.ms, first);
  EXPECT_EQ(hosts().refreshed(id).ms, now);
  now += 3600'000;
  ASSERT_TRUE(answer(id, {{.id = "detail:kernel_info", .failed = true, .message = "no such table: kernel_info"}}));
  EXPECT_EQ(kernel().error, "no such table: kernel_info");
  EXPECT_EQ(kernel().failed.ms, now);
  EXPECT_EQ(kernel().changed.ms, first);
  EXPECT_EQ(hosts().find(id)->kernel, "6.1.0");
  now += 3600'000;
  ASSERT_TRUE(answer(id, {{.id = "detail:kernel_info", .rows = rows}}));
  EXPECT_EQ(kernel().failed.ms, 0);
}

TEST_P(HostsTest, AnswersOfTheWrongShapeAreErrorsOfTheirOwnQueryOnly) {
  const auto id = add("web-1");
  for (const auto* wrong : {"", "{}", "[1]", "[[]]", "{", "null", R"([{"version":{}}])", "[{\"version\":\"\xff\"}]"}) {
    now += 10'000;
    ASSERT_TRUE(answer(id, {{.id = "detail:kernel_info", .rows = wrong},
                            {.id = "detail:os_version", .rows = R"([{"platform":7,"name":null}])"},
                            {.id = "detail:nonsense", .rows = "[]"},
                            {.id = "other:1", .rows = "[]"}}))
        << wrong;
    const auto all = details(id);
    EXPECT_THAT(std::ranges::find(all, "kernel_info", &Detail::query)->error, testing::HasSubstr("rows")) << wrong;
    EXPECT_EQ(hosts().find(id)->platform, "7");
  }
  EXPECT_EQ(hosts().counts().dropped_answers, 16U);
  EXPECT_TRUE(answer(id, {{.id = "detail:users", .rows = '[' + std::string(300'000, ' ') + ']'}}));
}

TEST_P(HostsTest, AnswersThatComeAgainAtOnceAreDropped) {
  const auto id = add("web-1");
  ASSERT_TRUE(answer(id, {{.id = "detail:users", .rows = "[]"}}));
  ASSERT_TRUE(answer(id, {{.id = "detail:users", .rows = "[]"}}));
  EXPECT_EQ(hosts().counts().dropped_answers, 1U);
  EXPECT_TRUE(answer(999, {{.id = "detail:users", .rows = "[]"}}));
}

TEST_P(HostsTest, TheHostsOwnFlagsSayWhenItIsLate) {
  const auto id = add("web-1");
  ASSERT_TRUE(answer(id, {{.id = "detail:osquery_flags", .rows = R"([{"name":"distributed_interval","value":"10"},
      {"name":"disable_distributed","value":"false"},{"name":"config_refresh","value":"300"}])"}}));
  EXPECT_EQ(hosts().find(id)->promise, 10);
  const auto status = [&](std::int64_t later) {
    return hosts().options().status.status(10, last_of(hosts().roster().signs(id)), Timestamp{now + later});
  };
  EXPECT_EQ(status(70'000), Status::online);
  EXPECT_EQ(status(72'000), Status::late);
  EXPECT_EQ(status(31 * 86'400'000LL), Status::missing);
  EXPECT_EQ(status(-365 * 86'400'000LL), Status::online) << "the server's clock was set back";
}

TEST_P(HostsTest, DenylistedOverdueAndExpensiveQueriesAreKept) {
  const auto id = add("web-1");
  ASSERT_TRUE(answer(id, {{.id = "detail:osquery_schedule", .rows = R"([
      {"name":"good","interval":"60","executions":"10","last_executed":"99990","denylisted":"0","wall_time":"1","start_time":"5000","now":"100000"},
      {"name":"killer","interval":"60","executions":"1","last_executed":"6000","denylisted":"1","wall_time":"1","start_time":"5000","now":"100000"},
      {"name":"never'); DROP TABLE hosts;--","interval":"600","executions":"0","last_executed":"0","denylisted":"0","wall_time":"0","start_time":"5000","now":"100000"},
      {"name":"slow","interval":"60","executions":"2","last_executed":"99990","denylisted":"0","wall_time":"60","start_time":"5000","now":"100000"},
      {"name":"odd","interval":"x","executions":"-1","last_executed":"99999999999999999999","denylisted":"","now":"100000"}])"}}));
  std::vector<std::string> names;
  auto read = database().read([&](soci::session& sql) {
    std::string name;
    soci::statement statement =
        (sql.prepare << "SELECT query FROM host_troubles WHERE denylisted + overdue + expensive = 1"
                        " ORDER BY query",
         soci::into(name));
    statement.execute();
    while (statement.fetch()) names.push_back(name);
  });
  ASSERT_TRUE(read);
  EXPECT_THAT(names, ElementsAre("killer", "never'); DROP TABLE hosts;--", "slow"));
}

TEST_P(HostsTest, MarkupSqlAndBytesInNamesStayText) {
  const std::string name = "<script>alert('x')</script>\"; DROP TABLE hosts; --";
  const auto id = add(name);
  EXPECT_EQ(hosts().find(id)->name, name);
  const auto odd = add(std::string("nul\0 and \xff", 10));
  ASSERT_TRUE(hosts().find(odd));
  EXPECT_EQ(hosts().find(odd)->identifier, "nul\\x00 and \\xFF");
  const auto long_one = add(std::string(100'000, 'x'));
  EXPECT_EQ(hosts().find(long_one)->identifier.size(), kMostFact);
}

TEST_P(HostsTest, TagsHaveReasonsAndGoWithTheLastOne) {
  const auto id = add("web-1", {3});
  change_tag(id, 3, true);
  change_tag(id, 4, true, Origin::rule);
  change_tag(999, 4, true);  // nobody
  EXPECT_THAT(hosts().find(id)->tags, ElementsAre(3, 4));
  change_tag(id, 3, false, Origin::secret);
  EXPECT_THAT(hosts().find(id)->tags, ElementsAre(3, 4));
  change_tag(id, 3, false);
  EXPECT_THAT(hosts().find(id)->tags, ElementsAre(4));
  ASSERT_TRUE(database().write([&](db::Transaction& transaction) { return hosts().drop_tag(transaction, 4); }));
  EXPECT_TRUE(eventually([&] { return hosts().find(id)->tags.empty(); }));
}

TEST_P(HostsTest, ListenersAreToldOfChangesOnly) {
  const auto id = add("web-1");
  const auto told = std::make_shared<Told<HostId>>();
  hosts().add_listener([told](HostId host) { told->add({&host, 1}); });
  hosts().reload({&id, 1});
  EXPECT_THAT(told->all(), IsEmpty());
  change_tag(id, 5, true);
  EXPECT_THAT(told->all(), ElementsAre(id));
}

TEST_P(HostsTest, RefreshAsksAtOnceAndWakesTheHeldRead) {
  const auto id = add("web-1");
  ASSERT_TRUE(answer(id, {{.id = "detail:users", .rows = "[]"}}));
  EXPECT_FALSE(hosts().has(id));
  ASSERT_TRUE(hosts().refresh({&id, 1}, kCaller, Timestamp{now}));
  EXPECT_TRUE(hosts().has(id));
  EXPECT_THAT(server().held_reads.all(), Contains(id));
}

TEST_P(HostsTest, SearchesSortsAndPages) {
  for (const auto* name : {"alpha", "Beta", "gamma", "delta"}) add(name);
  const auto& roster = hosts().roster();
  const auto names = [&](Wanted wanted) {
    std::vector<std::string> found;
    for (const auto& each : search(roster, wanted, {}, Timestamp{now}).hosts) found.push_back(each.host->name);
    return found;
  };
  EXPECT_THAT(names({}), ElementsAre("Beta", "alpha", "delta", "gamma"));
  EXPECT_THAT(names({.filter = {.text = "BET"}}), ElementsAre("Beta"));
  EXPECT_THAT(names({.filter = {.text = "u-gamma"}}), ElementsAre("gamma"));
  EXPECT_THAT(names({.filter = {.platform = "rhel"}}), IsEmpty());
  const auto first = search(roster, {.descending = true, .limit = 3}, {}, Timestamp{now});
  ASSERT_THAT(first.hosts, SizeIs(3));
  EXPECT_TRUE(first.more);
  const auto rest = names({.descending = true, .limit = 3, .after = keys_of(first.hosts.back(), Sort::name)});
  EXPECT_THAT(rest, ElementsAre("Beta"));
  const auto counts = count(roster, {}, {}, Timestamp{now});
  EXPECT_EQ(counts.total, 4);
  EXPECT_EQ(counts.status.at("online"), 4);
  EXPECT_EQ(counts.status.at("late"), 0);
  EXPECT_EQ(counts.platform.at("debian"), 4);
}

TEST_P(HostsTest, ManyThreadsSeeFindAndChange) {
  std::vector<HostId> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(add("host-" + std::to_string(i)));
  std::atomic<bool> ending = false;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; !ending; ++i) {
        const auto id = ids[static_cast<std::size_t>(i + t) % ids.size()];
        hosts().seen(id, static_cast<Sign>(i % 5), "10.0.0." + std::to_string(i % 3), Timestamp{now + i});
        const auto host = hosts().find(id);
        EXPECT_TRUE(!host || host->id == id);
      }
    });
  for (int i = 0; i < 20; ++i) {
    change_tag(ids[static_cast<std::size_t>(i)], 1 + i % 3, true);
    EXPECT_TRUE(hosts().flush());
    if (i % 5 == 0) {
      EXPECT_TRUE(hosts().remove({&ids[static_cast<std::size_t>(i)], 1}, kCaller, Timestamp{now}));
    }
  }
  ending = true;
  threads.clear();
  EXPECT_THAT(hosts().all(), SizeIs(16));
}

TEST_P(HostsTest, AThousandHostsFlushAtOnce) {
  std::vector<HostId> ids;
  ASSERT_TRUE(database().write([&](db::Transaction& transaction) -> Result<void> {
    for (int i = 0; i < 1000; ++i) {
      auto id = hosts().add(transaction, "h" + std::to_string(i), {}, {}, Timestamp{now});
      if (!id) return std::unexpected(id.error());
      ids.push_back(*id);
    }
    return {};
  }));
  ASSERT_TRUE(eventually([&] { return hosts().all().size() == 1000; }));
  for (const auto id : ids) hosts().seen(id, Sign::distributed, "", Timestamp{now + id});
  ASSERT_TRUE(hosts().flush());
  Server again(database(), now);
  for (const auto id : ids) EXPECT_EQ(last_of(again.hosts->roster().signs(id)).ms, now + id);
}

// Two servers on one PostgreSQL.
class TwoServersTest : public HostsTest {};
INSTANTIATE_TEST_SUITE_P(Databases, TwoServersTest, testing::Values(db::Dialect::postgresql), db::dialect_name);

TEST_P(TwoServersTest, EachSeesWhatTheOtherChanges) {
  const auto other_database = open_another();
  Server other(*other_database, now);
  const auto id = add("web-1", {3});
  ASSERT_TRUE(eventually([&] { return other.hosts->find(id) != nullptr; }));
  change_tag(id, 4, true);
  ASSERT_TRUE(eventually([&] { return other.hosts->find(id)->tags.size() == 2; }));

  now += 10'000;
  hosts().seen(id, Sign::distributed, "10.1.1.1", Timestamp{now});
  ASSERT_TRUE(hosts().flush());
  EXPECT_TRUE(eventually([&] { return last_of(other.hosts->roster().signs(id)).ms == now; }));

  // Asked by one, answered through the other: both know that it is done.
  EXPECT_TRUE(other.hosts->has(id));
  ASSERT_TRUE(hosts::answer(*other.hosts, id, {{.id = "detail:kernel_info", .rows = R"([{"version":"6.1.0"}])"}}));
  EXPECT_TRUE(eventually([&] { return hosts().find(id)->kernel == "6.1.0" && !hosts().has(id); }));

  ASSERT_TRUE(hosts().refresh({&id, 1}, kCaller, Timestamp{now}));
  EXPECT_TRUE(eventually([&] { return other.hosts->has(id) && !other.held_reads.all().empty(); }));

  ASSERT_TRUE(other.hosts->remove({&id, 1}, kCaller, Timestamp{now}));
  EXPECT_TRUE(eventually([&] { return hosts().find(id) == nullptr; }));
}

}  // namespace
}  // namespace osprey::server::hosts
