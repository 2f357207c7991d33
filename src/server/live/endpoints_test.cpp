#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "server/activity/activity.h"
#include "server/api/test_endpoints.h"
#include "server/hosts/fake_hosts.h"
#include "server/live/records.h"

namespace osprey::server {

api::Endpoint ask_live_again();
api::Endpoint export_live();

namespace live {
namespace {

using api::testing::Peer;
using testing::HasSubstr;
namespace json = boost::json;

class LiveExport : public api::testing::EndpointTest {
 protected:
  void SetUp() override { migrate(schema(), activity::schema()); }

  using EndpointTest::ask;
  // A query to hosts 1 to `hosts`.
  QueryId ask(int hosts) {
    const hosts::FakeHosts fake(hosts);
    const auto made = database().write([&](db::Transaction& transaction) {
      return insert(transaction, {.sql = "select 1"}, {.name = "ann"}, {1000}, fake.known);
    });
    return made.value();
  }
  void answer(QueryId query, Kept kept) {
    kept.query = query;
    kept.stats = "{}";
    const auto done = database().write(
        [&](db::Transaction& transaction) { return keep(transaction, std::span(&kept, 1), 5, {2000}); });
    ASSERT_EQ(done->size(), 1U);
  }
  void expire(QueryId query) {
    ASSERT_TRUE(database().write([&](db::Transaction& transaction) {
      return end(transaction, query, State::expired, HostState::expired, {3000});
    }));
  }
  void begin_export(QueryId query, const std::string& format, Peer& peer) {
    ask(export_live(), peer, "format=" + format, {std::to_string(query)});
  }
  std::string exported(QueryId query, const std::string& format) {
    return streamed(export_live(), "format=" + format, {std::to_string(query)});
  }
};
INSTANTIATE_TEST_SUITE_P(Databases, LiveExport, db::both_dialects(), db::dialect_name);

TEST_P(LiveExport, CsvHasTheColumnsOfAllHostsAndWhyOthersHaveNone) {
  const auto query = ask(5);
  answer(query, {.host = 1, .rows = R"([{"pid":"1","name":"a,b"},{"pid":"2","name":"c"}])", .row_count = 2});
  answer(query, {.host = 2, .message = "could not look", .rows = R"([{"pid":"3","cgroup":"x"}])", .rows_dropped = 4});
  answer(query, {.host = 3, .failed = true, .message = "no such table: x", .rows = "[]"});
  answer(query, {.host = 4, .rows = "[]"});
  const std::string so_far =
      "host,host_name,state,message,pid,name,cgroup,other\r\n"
      "1,host-1,answered,,1,\"a,b\",,\r\n"
      "1,host-1,answered,,2,c,,\r\n"
      "2,host-2,answered,could not look; 4 more rows were not kept,3,,x,\r\n"
      "3,host-3,failed,no such table: x,,,,\r\n";
  EXPECT_EQ(exported(query, "csv"), so_far);
  expire(query);
  EXPECT_EQ(exported(query, "csv"), so_far + "5,host-5,expired,expired before an answer,,,,\r\n");
}

TEST_P(LiveExport, JsonAndLines) {
  const auto query = ask(2);
  answer(query, {.host = 1, .rows = R"([{"b":"1","a":"2"}])"});
  answer(query, {.host = 2, .failed = true, .rows = "[]"});
  const auto lines = exported(query, "jsonl");
  EXPECT_EQ(lines, R"({"host":1,"host_name":"host-1","state":"answered","message":"","columns":{"b":"1","a":"2"}})"
                   "\n"
                   R"({"host":2,"host_name":"host-2","state":"failed","message":"failed","columns":{}})"
                   "\n");
  EXPECT_EQ(json::parse(exported(query, "json")).as_array().size(), 2U);
  EXPECT_EQ(exported(ask(1), "json"), "[\n]\n");
}

TEST_P(LiveExport, WaitsForItsReaderAndHoldsAPieceOfIt) {
  const auto query = ask(40);
  const std::string row = R"({"a":")" + std::string(1000, 'x') + R"("})";
  for (int host = 1; host <= 40; ++host) {
    std::string rows = "[" + row;
    for (int i = 1; i < 200; ++i) rows += "," + row;
    answer(query, {.host = host, .rows = rows + "]"});
  }
  for (const auto* format : {"csv", "json", "jsonl"}) {
    Peer peer;
    begin_export(query, format, peer);
    EXPECT_LT(peer.body.size(), 2U << 20);
    EXPECT_FALSE(peer.finished);
    peer.read_all();
    EXPECT_TRUE(peer.finished);
    EXPECT_GE(std::ranges::count(peer.body, '\n'), 8000);
  }
}

TEST_P(LiveExport, OfNoQueryIsRefused) {
  Peer peer, wrong;
  begin_export(77, "csv", peer);
  EXPECT_EQ(peer.response.status, 404U);
  begin_export(ask(1), "xml", wrong);
  EXPECT_EQ(wrong.response.status, 422U);
}

TEST(LiveEndpoints, NeedAPermission) {
  EXPECT_EQ(export_live().permission, api::Permission::view);
  EXPECT_EQ(ask_live_again().permission, api::Permission::run_live);
}

}  // namespace
}  // namespace live
}  // namespace osprey::server
