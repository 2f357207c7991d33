#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "server/activity/activity.h"
#include "server/api/problem.h"
#include "server/db/test_database.h"
#include "server/hosts/fake_hosts.h"
#include "server/queries/queries.h"

namespace osprey::server::queries {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

struct FakeTags : tags::Tags {
  std::vector<tags::Named> all() const override { return {{5, "web"}, {7, "tenth"}}; }
  Result<hosts::TagId> by_name(std::string_view name) const override {
    for (const auto& tag : all())
      if (tag.name == name) return tag.id;
    return api::problem(api::kNotFound, "tag", "there is none");
  }
  void add_user(Uses uses) override { users.push_back(std::move(uses)); }
  void add_listener(std::function<void(hosts::TagId)> listener) override { listeners.push_back(std::move(listener)); }
  std::vector<Uses> users;
  std::vector<std::function<void(hosts::TagId)>> listeners;
};

boost::json::object object(std::string_view text) { return boost::json::parse(text).as_object(); }

class QueriesTest : public db::DatabaseTest {
 protected:
  void SetUp() override { migrate(schema(), activity::schema()); }
  std::unique_ptr<Queries> serve(db::Database& database) { return *start({database, hosts, tags}); }
  static Draft draft(std::string name, std::string_view content = R"({"query":"select 1","interval":60})") {
    return {.name = std::move(name), .content = object(content)};
  }
  hosts::FakeHosts hosts{100};
  FakeTags tags;
  identity::Caller caller{.administrator = 1, .name = "ann", .permission = api::Permission::manage};
};
INSTANTIATE_TEST_SUITE_P(Databases, QueriesTest, db::both_dialects(), db::dialect_name);

TEST_P(QueriesTest, AHostIsToldWhatIsForIt) {
  const auto queries = serve(database());
  const auto& tagged = *hosts.find(10);
  const auto& plain = *hosts.find(1);
  EXPECT_EQ(queries->recall(plain), nullptr);
  const auto empty = *queries->compose(plain);
  auto web = draft("tenth only");
  web.tags = {"tenth"};
  ASSERT_TRUE(queries->save(draft("users"), caller, {1}));
  ASSERT_TRUE(queries->save(web, caller, {2}));
  EXPECT_EQ(queries->recall(plain), nullptr) << "it is another now";
  auto composed = *queries->compose(plain);
  // PostgreSQL tells us of our own changes, too, in its time.
  for (int i = 0; i < 1000 && queries->recall(plain) != composed; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    composed = *queries->compose(plain);
  }
  EXPECT_EQ(queries->recall(*hosts.find(2)), composed) << "the same tags, the same text";
  EXPECT_NE(composed->etag, empty->etag);
  const auto sent = object(*composed->reply);
  EXPECT_EQ(sent.at("etag").as_string(), composed->etag);
  EXPECT_EQ(sent.at("schedule"), object(R"({"users":{"query":"select 1","interval":60}})"));
  EXPECT_TRUE(object(*(*queries->compose(tagged))->reply).at("schedule").as_object().contains("tenth only"));
  EXPECT_THAT((*queries->explain(tagged)).origins, SizeIs(2));
  EXPECT_THAT(*tags.users.at(0)(7), ElementsAre("query tenth only"));
}

TEST_P(QueriesTest, KeepsVersionsAndRollsBack) {
  const auto queries = serve(database());
  EXPECT_EQ(queries->save(draft("q"), caller, {1})->item.version, 1);
  EXPECT_EQ(queries->save(draft("q", R"({"query":"select 2"})"), caller, {2})->item.version, 2);
  ASSERT_TRUE(queries->remove(Kind::query, "q", caller, {3}));
  EXPECT_FALSE(queries->find(Kind::query, "q"));
  EXPECT_FALSE(queries->remove(Kind::query, "q", caller, {4}));
  const auto history = *queries->history(Kind::query, "q");
  ASSERT_THAT(history, SizeIs(3));
  EXPECT_TRUE(history[0].deleted);
  EXPECT_EQ(history[1].content, object(R"({"query":"select 2"})"));
  EXPECT_EQ(history[2].changed_by, "ann");
  EXPECT_FALSE(queries->roll_back(Kind::query, "q", 3, caller, {5}));
  EXPECT_FALSE(queries->roll_back(Kind::query, "q", 9, caller, {5}));
  EXPECT_EQ(queries->roll_back(Kind::query, "q", 1, caller, {5})->version, 4);
  EXPECT_EQ(queries->find(Kind::query, "q")->content, object(R"({"query":"select 1","interval":60})"));
}

TEST_P(QueriesTest, RollsBackToNothingThatHostsWouldRefuseForItsSize) {
  const auto queries = serve(database());
  const auto large = [](std::string name) {
    auto made = draft(std::move(name));
    made.content["description"] = std::string(3 << 20, 'x');
    return made;
  };
  ASSERT_TRUE(queries->save(large("q"), caller, {1}));
  ASSERT_TRUE(queries->save(draft("q"), caller, {2}));
  ASSERT_TRUE(queries->save(large("other"), caller, {3}));
  const auto refused = queries->roll_back(Kind::query, "q", 1, caller, {4});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text(), HasSubstr("hosts take 4 MiB of configuration"));
  EXPECT_EQ(queries->find(Kind::query, "q")->version, 2);
  ASSERT_TRUE(queries->remove(Kind::query, "other", caller, {5}));
  EXPECT_EQ(queries->roll_back(Kind::query, "q", 1, caller, {6})->version, 3);
}

TEST_P(QueriesTest, AnothersChangeInBetweenIsAConflict) {
  const auto queries = serve(database());
  auto mine = draft("q");
  mine.over_version = 0;
  ASSERT_TRUE(queries->save(mine, caller, {1}));
  const auto refused = queries->save(mine, caller, {2});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, api::kConflict);
  mine.over_version = 1;
  EXPECT_TRUE(queries->save(mine, caller, {3}));
}

TEST_P(QueriesTest, TellsWhichHostsAChangeWouldReach) {
  const auto queries = serve(database());
  auto item = draft("q");
  item.tags = {"tenth"};
  const auto effect = *queries->try_out(Kind::query, "q", item, std::nullopt);
  EXPECT_EQ(effect.changed, 10);
  EXPECT_EQ(effect.unchanged, 90);
  EXPECT_EQ(effect.hosts.at(0).name, "host-10");
  EXPECT_FALSE(queries->find(Kind::query, "q")) << "nothing has been saved";
  ASSERT_TRUE(queries->save(item, caller, {1}));
  EXPECT_EQ(queries->try_out(Kind::query, "q", item, std::nullopt)->changed, 0);
  item.tags = {};
  EXPECT_EQ(queries->try_out(Kind::query, "q", item, std::nullopt)->changed, 90);
  EXPECT_EQ(queries->try_out(Kind::query, "q", std::nullopt, std::nullopt)->changed, 10);
  // CFG-04: the result for one host, before it is saved.
  item.tags = {"tenth"};
  const auto query = [&](hosts::HostId host, const std::optional<Draft>& draft) {
    return boost::json::serialize(*queries->try_out(Kind::query, "q", draft, host)->configuration);
  };
  item.content["interval"] = 17;
  EXPECT_THAT(query(10, item), HasSubstr("\"interval\":17"));
  EXPECT_EQ(query(1, item), "{}");
  EXPECT_EQ(query(10, std::nullopt), "{}");
  EXPECT_FALSE(effect.configuration);
  EXPECT_EQ(queries->try_out(Kind::query, "q", item, 12345).error().code, api::kNotFound);
  EXPECT_FALSE(queries->try_out(Kind::query, "absent", std::nullopt, std::nullopt));
}

TEST_P(QueriesTest, RefusesWhatHostsWouldNotTake) {
  const auto queries = serve(database());
  for (const auto* content : {R"({"query":"select nme from processes"})", R"({"interval":60})", R"({"query":3})"})
    EXPECT_FALSE(queries->save(draft("q", content), caller, {1})) << content;
  auto elsewhere = draft("q", R"({"query":"select * from launchd"})");
  elsewhere.check = false;
  EXPECT_THAT(queries->save(elsewhere, caller, {1})->warnings, SizeIs(1));
  const auto pack =
      queries->save({.kind = Kind::pack,
                     .name = "p",
                     .content = object(R"({"queries":{"a":{"query":"select nme from users","interval":9}}})")},
                    caller, {1});
  ASSERT_TRUE(pack) << pack.error().text();
  EXPECT_THAT(pack->warnings, Contains(HasSubstr("nme")));
  auto unknown_tag = draft("q");
  unknown_tag.tags = {"wob"};
  EXPECT_FALSE(queries->save(unknown_tag, caller, {1}));
  auto large = draft("q");
  large.content["description"] = std::string(5 << 20, 'x');
  EXPECT_FALSE(queries->save(large, caller, {1}));
}

TEST_P(QueriesTest, TagsMayChangeWhenItIsGone) {
  auto queries = serve(database());
  ASSERT_EQ(tags.listeners.size(), 1U);
  tags.listeners[0](5);
  queries.reset();
  tags.listeners[0](5);  // seen by the sanitizers, if it is called
}

TEST_P(QueriesTest, NamesAreOnlyText) {
  const auto queries = serve(database());
  const std::string nasty = R"('); drop table queries_items; -- <b>"é\)";
  ASSERT_TRUE(queries->save(draft(nasty), caller, {1}));
  EXPECT_EQ(queries->find(Kind::query, nasty)->name, nasty);
}

class QueriesOfSeveralServers : public QueriesTest {};
INSTANTIATE_TEST_SUITE_P(Databases, QueriesOfSeveralServers, testing::Values(db::Dialect::postgresql),
                         db::dialect_name);

TEST_P(QueriesOfSeveralServers, AChangeReachesTheOthers) {
  const auto here = serve(database());
  const auto there_database = open_another();
  const auto there = serve(*there_database);
  const auto before = *there->compose(*hosts.find(1));
  ASSERT_TRUE(here->save(draft("q"), caller, {1}));
  for (int i = 0; i < 1000 && there->recall(*hosts.find(1)) != nullptr; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_NE((*there->compose(*hosts.find(1)))->etag, before->etag);
}

}  // namespace
}  // namespace osprey::server::queries
