#include "server/tags/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/api/problem.h"
#include "server/hosts/testing.h"
#include "server/tags/records.h"

namespace osprey::server::tags {
namespace {

using hosts::HostId;
using hosts::kCaller;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

const std::string kDebian = R"({"fact":"platform","is":"debian"})";
const std::string kNginx = "SELECT 1 FROM processes WHERE name = 'nginx'";

class TagsTest : public hosts::ServerTest {
 protected:
  TagsTest() { migrate(hosts::schema(), tags::schema(), activity::schema()); }
  ~TagsTest() override { tags_.reset(); }

  Service& tags() {
    if (!tags_) tags_ = start_on(server());
    return *tags_;
  }
  static std::unique_ptr<Service> start_on(hosts::Server& server) {
    auto started = start(server.services);
    if (!started) throw std::runtime_error(started.error().text());
    server.services.tags = started->get();
    return std::move(*started);
  }
  // A server that goes before its hosts do.
  void stop() { tags_.reset(); }

  Tag create(Draft draft) {
    auto tag = tags().create(draft, kCaller, Timestamp{now});
    if (!tag) throw std::runtime_error(tag.error().text());
    return *tag;
  }
  bool has(HostId host, TagId tag) {
    const auto found = hosts().find(host);
    return found && std::ranges::binary_search(found->tags, tag);
  }
  std::vector<agents::Ask> asks(HostId host) {
    std::vector<agents::Ask> asks;
    std::uint32_t accelerate = 0;
    tags().take(host, asks, accelerate);
    return asks;
  }
  std::vector<Fault> faults(HostId host) {
    return *database().read([&](soci::session& sql) { return load_faults_of_host(sql, host); });
  }
  Result<void> answer(HostId host, std::vector<agents::Answer> answers) {
    return hosts::answer(tags(), host, std::move(answers));
  }

 private:
  std::unique_ptr<Service> tags_;
};

INSTANTIATE_TEST_SUITE_P(Databases, TagsTest, db::both_dialects(), db::dialect_name);

TEST_P(TagsTest, AreListedInTheOrderOfTheirRank) {
  create({.name = "high", .rank = 5});
  create({.name = "low"});
  create({.name = "low too"});
  std::vector<std::string> names;
  for (const auto& tag : tags().all()) names.push_back(tag.name);
  EXPECT_THAT(names, ElementsAre("low", "low too", "high"));
  EXPECT_TRUE(tags().by_name("high"));
  EXPECT_THAT(tags().by_name("hihg").error().text(), HasSubstr("did you mean «high»?"));
}

// What a reader has begun to read stays until it has read it (the thread sanitizer sees where it does not).
TEST_P(TagsTest, AreReadWhileTheyChange) {
  const auto host = add("a");
  const std::string name(100, 'a');
  const auto tag = create({.name = name, .query = kNginx});
  const std::jthread reader([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      for (const auto& each : tags().all()) EXPECT_EQ(each.name, name);
      for (const auto& ask : asks(host)) EXPECT_THAT(ask.sql, StartsWith(kNginx));
    }
  });
  for (int round = 0; round < 20; ++round) {
    const auto query = kNginx + std::string(static_cast<std::size_t>(round), ' ') + "AND pid > 1";
    ASSERT_TRUE(tags().edit(tag.id, {.name = name, .query = query}, kCaller, Timestamp{now}));
  }
}

TEST_P(TagsTest, RefuseWhatCannotBe) {
  create({.name = "web"});
  const auto fault = [&](const Draft& draft) {
    const auto made = tags().create(draft, kCaller, Timestamp{now});
    return made ? std::string() : made.error().text();
  };
  EXPECT_THAT(fault({.name = " web "}), HasSubstr("is there already"));
  EXPECT_THAT(fault({.name = ""}), HasSubstr("/name"));
  EXPECT_THAT(fault({.name = "a\nb"}), HasSubstr("/name"));
  EXPECT_THAT(fault({.name = std::string(101, 'x')}), HasSubstr("/name"));
  EXPECT_THAT(fault({.name = "x", .query = kNginx, .condition = kDebian}), HasSubstr("not both"));
  EXPECT_NE(fault({.name = "x", .query = "SELECT nme FROM processes"}), "");
  EXPECT_EQ(fault({.name = "x", .query = "SELECT * FROM table_of_an_extension", .check_query = false}), "");
  EXPECT_THAT(fault({.name = "y", .condition = "{"}), HasSubstr("/condition"));
  EXPECT_THAT(fault({.name = "y", .condition = R"({"fact":"x","is":""})"}), HasSubstr("/condition"));
  EXPECT_FALSE(tags().find(999));
  EXPECT_FALSE(tags().edit(999, {.name = "x"}, kCaller, Timestamp{now}));
  EXPECT_FALSE(tags().remove(999, kCaller, Timestamp{now}));
}

TEST_P(TagsTest, NamesWithMarkupAndSqlStayText) {
  const std::string name = "<b>'; DROP TABLE tags; --\"";
  EXPECT_EQ(tags().find(create({.name = name}).id)->name, name);
}

TEST_P(TagsTest, ByHandOfManyHosts) {
  const auto tag = create({.name = "web"});
  const HostId ids[] = {add("a"), add("b"), add("c"), 999};
  ASSERT_TRUE(tags().give(tag.id, ids, {}, kCaller, Timestamp{now}));
  EXPECT_TRUE(has(ids[0], tag.id) && has(ids[1], tag.id) && has(ids[2], tag.id));
  ASSERT_TRUE(tags().give(tag.id, {}, std::span(ids, 2), kCaller, Timestamp{now}));
  EXPECT_FALSE(has(ids[0], tag.id) || has(ids[1], tag.id));
  EXPECT_TRUE(has(ids[2], tag.id));
}

TEST_P(TagsTest, AConditionIsEvaluatedAtOnceAndWhenAHostChanges) {
  const auto before = add("before");
  const auto tag = create({.name = "debian", .condition = kDebian});
  EXPECT_TRUE(hosts::eventually([&] { return has(before, tag.id); }));
  const auto after = add("after");
  EXPECT_TRUE(hosts::eventually([&] { return has(after, tag.id); }));
  now += 10'000;
  ASSERT_TRUE(hosts::answer(hosts(), after, {{.id = "detail:os_version", .rows = R"([{"platform":"rhel"}])"}}));
  EXPECT_TRUE(hosts::eventually([&] { return !has(after, tag.id); }));
  // Without a rule nobody has it for one; by hand they keep it.
  ASSERT_TRUE(tags().give(tag.id, {&after, 1}, {}, kCaller, Timestamp{now}));
  ASSERT_TRUE(tags().edit(tag.id, {.name = "debian"}, kCaller, Timestamp{now}));
  EXPECT_FALSE(has(before, tag.id));
  EXPECT_TRUE(has(after, tag.id));
}

TEST_P(TagsTest, AQueryIsAskedOnEnrolmentOnEditAndOnTheInterval) {
  const auto host = add("a");
  EXPECT_FALSE(tags().has(host)) << "no rule, no question";
  auto tag = create({.name = "nginx", .query = kNginx});
  EXPECT_THAT(server().held_reads.all(), Contains(host));
  ASSERT_TRUE(tags().has(host));
  const auto first = asks(host);
  ASSERT_THAT(first, SizeIs(1));
  EXPECT_EQ(first[0].sql, kNginx);
  EXPECT_FALSE(tags().has(host));
  ASSERT_TRUE(answer(host, {{.id = first[0].id, .rows = R"([{"1":"1"}])"}}));
  EXPECT_TRUE(has(host, tag.id));
  EXPECT_EQ(tags().evaluated(host).at.ms, now);
  EXPECT_FALSE(tags().has(host));

  now += 3600'000 * 12 / 10;
  ASSERT_TRUE(tags().has(host));
  ASSERT_TRUE(answer(host, {{.id = first[0].id, .rows = "[]"}}));
  EXPECT_FALSE(has(host, tag.id));

  now += 1000;
  ASSERT_TRUE(tags().edit(tag.id, {.name = "nginx", .query = "SELECT 1"}, kCaller, Timestamp{now}));
  ASSERT_TRUE(tags().has(host)) << "at once";
  EXPECT_LT(tags().evaluated(host).revision, tags().find(tag.id)->revision) << "shown as waiting";
  ASSERT_TRUE(answer(host, {{.id = first[0].id, .rows = R"([{"1":"1"}])"}}));
  EXPECT_FALSE(has(host, tag.id)) << "an answer to the rule as it was";
  EXPECT_EQ(tags().counts().dropped_answers, 1U);
  ASSERT_TRUE(tags().has(host));

  const auto late = add("b");
  EXPECT_TRUE(hosts::eventually([&] { return tags().has(late); }));
  EXPECT_TRUE(hosts::eventually([&] {
    const auto woken = server().held_reads.all();
    return std::ranges::find(woken, late) != woken.end();
  }));
}

TEST_P(TagsTest, AHostThatEnrolsAnewIsAskedAnew) {
  const auto host = add("a");
  create({.name = "nginx", .query = kNginx});
  ASSERT_TRUE(answer(host, {{.id = asks(host)[0].id, .rows = "[{}]"}}));
  ASSERT_FALSE(tags().has(host));
  now += 60'000;
  ASSERT_TRUE(database().write([&](db::Transaction& transaction) {
    return hosts().enrolled_again(transaction, host, hosts::details_of("a"), Timestamp{now});
  }));
  EXPECT_TRUE(hosts::eventually([&] { return tags().has(host); }));
}

TEST_P(TagsTest, ARenameAsksNobody) {
  const auto host = add("a");
  const auto tag = create({.name = "nginx", .query = kNginx});
  ASSERT_TRUE(answer(host, {{.id = asks(host)[0].id, .rows = R"([{"1":"1"}])"}}));
  const auto told = std::make_shared<hosts::Told<TagId>>();
  tags().add_listener([told](TagId changed) { told->add({&changed, 1}); });
  ASSERT_TRUE(tags().edit(tag.id, {.name = "web servers", .rank = 3, .query = kNginx}, kCaller, Timestamp{now}));
  EXPECT_FALSE(tags().has(host));
  EXPECT_TRUE(has(host, tag.id));
  EXPECT_THAT(told->all(), ElementsAre(tag.id));
}

TEST_P(TagsTest, AnErrorKeepsTheLastStateAndIsToldUntilItIsGood) {
  const auto host = add("a");
  const auto tag = create({.name = "nginx", .query = kNginx});
  const auto other = create({.name = "other", .query = "SELECT 1"});
  const auto questions = asks(host);
  ASSERT_THAT(questions, SizeIs(2));
  ASSERT_TRUE(answer(host, {{.id = questions[0].id, .rows = "[{}]"}, {.id = questions[1].id, .rows = ""}}));
  ASSERT_TRUE(has(host, tag.id));
  EXPECT_FALSE(has(host, other.id));
  ASSERT_TRUE(answer(host, {{.id = questions[0].id, .failed = true, .message = "distributed query is denylisted"},
                            {.id = questions[1].id, .rows = "{}"}}));
  EXPECT_TRUE(has(host, tag.id));
  ASSERT_THAT(faults(host), SizeIs(2));
  EXPECT_EQ(faults(host)[0].error, "distributed query is denylisted");
  EXPECT_FALSE(tags().has(host)) << "an error is an answer; the interval asks again";
  ASSERT_TRUE(answer(host, {{.id = questions[0].id, .rows = " [ ] "}, {.id = questions[1].id, .rows = "[]"}}));
  EXPECT_FALSE(has(host, tag.id));
  EXPECT_THAT(faults(host), IsEmpty());
}

TEST_P(TagsTest, AnswersThatNobodyAskedForAreDropped) {
  const auto host = add("a");
  const auto tag = create({.name = "hand"});
  for (const auto* id : {"tag:", "tag:x", "tag:1", "tag:99:1", "tag:1:x", "tag:-1:-1", "tag:99999999999999999999:1"})
    ASSERT_TRUE(answer(host, {{.id = id, .rows = "[{}]"}})) << id;
  ASSERT_TRUE(
      answer(host, {{.id = "tag:" + std::to_string(tag.id) + ":" + std::to_string(tag.revision), .rows = "[{}]"}}));
  EXPECT_FALSE(has(host, tag.id)) << "it has no query";
  EXPECT_EQ(tags().counts().dropped_answers, 8U);
}

TEST_P(TagsTest, ATagThatIsUsedIsNotDeleted) {
  const auto tag = create({.name = "web"});
  const auto host = add("a", {tag.id});
  ASSERT_TRUE(has(host, tag.id));
  bool used = true;
  tags().add_user([&](TagId) -> Result<std::vector<std::string>> {
    return used ? std::vector<std::string>{"secret 3 «web»"} : std::vector<std::string>{};
  });
  const auto refused = tags().remove(tag.id, kCaller, Timestamp{now});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, api::kConflict);
  EXPECT_THAT(refused.error().text(), HasSubstr("secret 3 «web»"));
  used = false;
  ASSERT_TRUE(tags().remove(tag.id, kCaller, Timestamp{now}));
  EXPECT_FALSE(has(host, tag.id));
  EXPECT_THAT(tags().all(), IsEmpty());
}

TEST_P(TagsTest, ARemovedHostLeavesNothing) {
  const auto host = add("a");
  create({.name = "nginx", .query = kNginx});
  ASSERT_TRUE(answer(host, {{.id = asks(host)[0].id, .failed = true}}));
  ASSERT_TRUE(hosts().remove({&host, 1}, kCaller, Timestamp{now}));
  EXPECT_THAT(faults(host), IsEmpty());
  EXPECT_THAT(*database().read([](soci::session& sql) { return load_rounds(sql); }), IsEmpty());
  EXPECT_FALSE(tags().has(host));
}

TEST_P(TagsTest, ARestartKnowsWhatWasEvaluated) {
  const auto host = add("a");
  const auto behind = add("b");
  create({.name = "nginx", .query = kNginx});
  ASSERT_TRUE(answer(host, {{.id = asks(host)[0].id, .rows = "[{}]"}}));
  hosts::Server again(database(), now);
  const auto tags = start_on(again);
  EXPECT_FALSE(tags->has(host));
  EXPECT_TRUE(tags->has(behind));
}

class TwoTagServersTest : public TagsTest {};
INSTANTIATE_TEST_SUITE_P(Databases, TwoTagServersTest, testing::Values(db::Dialect::postgresql), db::dialect_name);

TEST_P(TwoTagServersTest, EachSeesWhatTheOtherChanges) {
  const auto host = add("a");
  tags();
  const auto other_database = open_another();
  hosts::Server other(*other_database, now);
  const auto others = start_on(other);
  const auto tag = create({.name = "nginx", .query = kNginx});
  EXPECT_TRUE(hosts::eventually([&] { return others->find(tag.id) && others->has(host); }));
  EXPECT_THAT(other.held_reads.all(), Contains(host));
  // Asked here, answered there.
  ASSERT_TRUE(hosts::answer(*others, host, {{.id = asks(host)[0].id, .rows = "[{}]"}}));
  EXPECT_TRUE(hosts::eventually([&] { return has(host, tag.id) && tags().evaluated(host).at.ms == now; }));
  EXPECT_FALSE(tags().has(host));
  ASSERT_TRUE(others->remove(tag.id, kCaller, Timestamp{now}));
  EXPECT_TRUE(hosts::eventually([&] { return !has(host, tag.id) && tags().all().empty(); }));
}

}  // namespace
}  // namespace osprey::server::tags
