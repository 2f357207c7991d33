#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <soci/soci.h>

#include "server/hosts/testing.h"
#include "server/queries/queries.h"
#include "server/tags/service.h"

namespace osprey::server::hosts {
namespace {

class HostEndpointsTest : public ServerTest {
 protected:
  HostEndpointsTest() {
    migrate(hosts::schema(), tags::schema(), activity::schema());
    server();
  }
  Answered get(std::string_view operation, std::vector<std::string> parameters = {}, const std::string& query = "") {
    return ask(server().services, operation, std::move(parameters), query);
  }
};
INSTANTIATE_TEST_SUITE_P(Databases, HostEndpointsTest, testing::Values(db::Dialect::sqlite), db::dialect_name);

TEST_P(HostEndpointsTest, ListPageByPage) {
  for (int i = 0; i < 5; ++i) add("host-" + std::to_string(i));
  std::vector<std::string> names;
  std::string query = "limit=2&sort=name&descending=true";
  for (int page = 0; page < 3; ++page) {
    const auto answer = get("list_hosts", {}, query);
    ASSERT_EQ(answer.status, 200U) << answer.body;
    for (const auto& item : answer.body.at("items").as_array()) names.emplace_back(item.at("name").as_string());
    EXPECT_EQ(answer.body.at("next").is_null(), page == 2);
    if (page < 2) query = "limit=2&sort=name&descending=true&after=" + std::string(answer.body.at("next").as_string());
  }
  EXPECT_THAT(names, testing::ElementsAre("host-4", "host-3", "host-2", "host-1", "host-0"));
  EXPECT_EQ(get("list_hosts", {}, "after=zz").status, 422U);
  EXPECT_EQ(get("list_hosts", {}, "status=gone").status, 422U);
  EXPECT_EQ(get("list_hosts", {}, "tag=x").status, 422U);
  EXPECT_EQ(get("list_hosts", {}, "text=HOST-3").body.at("items").as_array().size(), 1U);
  EXPECT_EQ(get("list_hosts", {}, "status=missing").body.at("items").as_array().size(), 0U);
}

TEST_P(HostEndpointsTest, CountByStatusPlatformAndVersion) {
  add("a");
  add("b");
  now += 3600'000;
  hosts().seen(add("c"), Sign::config, "10.0.0.1", Timestamp{now});
  const auto counts = get("count_hosts").body;
  EXPECT_EQ(counts.at("total"), 3);
  EXPECT_EQ(counts.at("status").at("online"), 1);
  EXPECT_EQ(counts.at("status").at("late"), 2);
  EXPECT_EQ(counts.at("platform").at("debian"), 3);
  EXPECT_EQ(counts.at("version").at("5.23.0"), 3);
}

// SRV-11
TEST_P(HostEndpointsTest, WhetherAHostHasTheNewestConfiguration) {
  migrate(queries::schema());
  auto& services = server().services;
  const auto tags = *tags::start(services);
  services.tags = tags.get();
  const auto queries = *queries::start({database(), hosts(), *tags});
  services.queries = queries.get();
  const auto id = add("web-1");
  const auto shown = [&] { return get("show_host", {std::to_string(id)}).body; };
  const auto etag = [&] { return (*queries->compose(*hosts().find(id)))->etag; };
  EXPECT_TRUE(shown().at("configuration").is_null());
  EXPECT_TRUE(shown().at("configuration_newest").is_null());

  const auto first = etag();
  hosts().given(id, first);
  EXPECT_EQ(shown().at("configuration"), boost::json::value(first));
  EXPECT_EQ(shown().at("configuration_newest"), true);
  ASSERT_TRUE(hosts().flush());
  EXPECT_EQ(shown().at("configuration"), boost::json::value(first)) << "from the database";

  ASSERT_TRUE(queries->save({.kind = queries::Kind::query,
                             .name = "q",
                             .content = boost::json::parse(R"({"query":"select 1","interval":60})").as_object()},
                            kCaller, Timestamp{now}));
  EXPECT_EQ(shown().at("configuration"), boost::json::value(first));
  EXPECT_EQ(shown().at("configuration_newest"), false);
  hosts().given(id, etag());
  EXPECT_EQ(shown().at("configuration"), boost::json::value(etag())) << "before it is written";
  EXPECT_EQ(shown().at("configuration_newest"), true);
}

// SRV-11: when a host enrolled, what it is, what it last said.
TEST_P(HostEndpointsTest, ShowAHostWithHistorySignsAndDetails) {
  const auto id = add("web-1");
  ASSERT_TRUE(answer(hosts(), id,
                     {{.id = "detail:users", .rows = R"([{"user":"<i>root</i>"}])"},
                      {.id = "detail:disks", .failed = true, .message = "no such table: mounts"}}));
  const auto shown = get("show_host", {std::to_string(id)});
  ASSERT_EQ(shown.status, 200U) << shown.body;
  const auto& body = shown.body;
  EXPECT_EQ(body.at("host").at("name"), "web-1");
  EXPECT_EQ(body.at("cpu"), "EPYC");
  EXPECT_EQ(body.at("seen").at("enroll").at("first"), boost::json::value(to_rfc3339({kStart})));
  EXPECT_TRUE(body.at("seen").at("config").at("first").is_null());
  EXPECT_EQ(body.at("enrolments").as_array().size(), 1U);
  EXPECT_EQ(body.at("refreshed"), boost::json::value(to_rfc3339({kStart})));
  const auto& details = body.at("details").as_array();
  const auto detail = [&](std::string_view name) {
    return *std::ranges::find_if(details, [&](const auto& each) { return each.at("query").as_string() == name; });
  };
  EXPECT_EQ(detail("users").at("rows").at(0).at("user"), "<i>root</i>");
  EXPECT_EQ(detail("disks").at("error"), "no such table: mounts");
  EXPECT_TRUE(detail("disks").at("changed").is_null());
  EXPECT_EQ(get("show_host", {"999"}).status, 404U);
  EXPECT_EQ(get("show_host", {"1; DROP TABLE hosts"}).status, 422U);
}

TEST_P(HostEndpointsTest, RemoveAndRefresh) {
  const auto id = add("web-1");
  const auto other = add("web-2");
  EXPECT_EQ(get("refresh_hosts", {}, R"({"hosts":[1,999]})").status, 204U);
  EXPECT_EQ(get("refresh_hosts", {}, R"({"hosts":[]})").status, 422U);
  EXPECT_EQ(get("remove_host", {std::to_string(id)}).status, 204U);
  EXPECT_EQ(get("remove_host", {std::to_string(id)}).status, 404U);
  EXPECT_EQ(get("remove_hosts", {}, "{\"hosts\":[" + std::to_string(other) + ",999]}").body.at("removed"), 1);
  EXPECT_TRUE(hosts().all().empty());
}

TEST_P(HostEndpointsTest, TellWhichQueriesAreInTroubleWhere) {
  const std::string row =
      R"("interval":"60","executions":"1","last_executed":"99","wall_time":"1","start_time":"5","now":"100")";
  for (const auto* name : {"a", "b"})
    ASSERT_TRUE(answer(hosts(), add(name),
                       {{.id = "detail:osquery_schedule",
                         .rows = R"([{"name":"<b>killer</b>","denylisted":"1",)" + row +
                                 R"(},{"name":"good","denylisted":"0",)" + row + "}]"}}));
  const auto troubles = get("list_query_troubles");
  ASSERT_EQ(troubles.status, 200U) << troubles.body;
  ASSERT_EQ(troubles.body.at("items").as_array().size(), 1U);
  EXPECT_EQ(troubles.body.at("items").at(0).at("query"), "<b>killer</b>");
  EXPECT_EQ(troubles.body.at("items").at(0).at("denylisted"), 2);
  const auto where = get("list_troubled_hosts", {}, "query=%3Cb%3Ekiller%3C%2Fb%3E&limit=1");
  ASSERT_EQ(where.status, 200U) << where.body;
  EXPECT_EQ(where.body.at("items").at(0).at("name"), "a");
  EXPECT_EQ(where.body.at("items").at(0).at("denylisted"), true);
  EXPECT_FALSE(where.body.at("next").is_null());
}

}  // namespace
}  // namespace osprey::server::hosts
