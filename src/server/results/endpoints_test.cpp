#include <fmt/format.h>
#include <gmock/gmock.h>
#include <soci/soci.h>
#include <boost/json.hpp>

#include <future>

#include "server/activity/activity.h"
#include "server/api/test_endpoints.h"
#include "server/results/results.h"

namespace osprey::server {

api::Endpoint search_results();
api::Endpoint count_results();
api::Endpoint export_results();
api::Endpoint show_result_storage();
api::Endpoint change_result_retention();

namespace results {
namespace {

using api::testing::Peer;
using testing::HasSubstr;
namespace json = boost::json;

class ResultEndpointsTest : public api::testing::EndpointTest {
 protected:
  void SetUp() override {
    migrate(schema(), activity::schema());
    results_ = make_results(database());
    services_.results = results_.get();
  }
  void store(const std::string& columns, std::int64_t host = 1) {
    std::promise<bool> done;
    ASSERT_TRUE(results_->store({.host = host,
                                 .received = server::system_clock()(),
                                 .lines = {fmt::format(R"({{"name":"q","columns":{},"action":"added"}})", columns)}},
                                [&](const Result<void>& result) { done.set_value(result.has_value()); }));
    ASSERT_TRUE(done.get_future().get());
  }

 private:
  std::unique_ptr<Results> results_;
};
INSTANTIATE_TEST_SUITE_P(Databases, ResultEndpointsTest, db::both_dialects(), db::dialect_name);

TEST_P(ResultEndpointsTest, SearchPageByPage) {
  for (int i = 0; i < 5; ++i) store(fmt::format(R"({{"n":"{}","user":"{}"}})", i, i % 2 ? "bob" : "root"), 7);
  const json::value first = answered(search_results(), "limit=2&value=user%3Droot&host=7&query=q&action=added");
  EXPECT_EQ(first.at("items").as_array().size(), 2U);
  EXPECT_EQ(first.at("items").at(0).at("columns").at("n").as_string(), "4");
  EXPECT_EQ(first.at("items").at(0).at("host").as_int64(), 7);
  const json::value second =
      answered(search_results(), "limit=2&value=user%3Droot&after=" + std::string(first.at("next").as_string()));
  EXPECT_EQ(second.at("items").as_array().size(), 1U);
  EXPECT_TRUE(second.at("next").is_null());
  EXPECT_EQ(answered(search_results(), "value=user~oo").at("items").as_array().size(), 3U);
  EXPECT_EQ(answered(search_results(), "status=true").at("items").as_array().size(), 0U);
}

TEST_P(ResultEndpointsTest, WhatIsWrongIsSaid) {
  for (const char* query : {"value=user", "value=%3Dx", "limit=0", "limit=501", "after=zz", "after=5b5d",
                            "after=5b222d31225d", "from=now", "action=eaten", "severity=4", "host=a", "nothing=1"}) {
    Peer peer;
    ask(search_results(), peer, query);
    EXPECT_EQ(peer.response.status, 422U) << query;
    EXPECT_THAT(peer.response.body, testing::Not(testing::IsEmpty())) << query;
  }
  Peer peer;
  ask(export_results(), peer, "value=user");
  EXPECT_EQ(peer.response.status, 422U);
}

TEST_P(ResultEndpointsTest, Counts) {
  for (int i = 0; i < 3; ++i) store(R"({"user":"root"})", i);
  const json::value counts = answered(count_results(), "column=user&top=2");
  EXPECT_EQ(counts.at("rows").as_int64(), 3);
  EXPECT_EQ(counts.at("hosts").as_array().size(), 2U);
  EXPECT_EQ(counts.at("columns").at("user").at(0).at("rows").as_int64(), 3);
}

TEST_P(ResultEndpointsTest, ExportsAsCsv) {
  store(R"({"a":"1","b":"it's, \"quoted\"\nand more"})", 3);
  Peer peer;
  ask(export_results(), peer, "format=csv");
  peer.read_all();
  EXPECT_TRUE(peer.finished);
  EXPECT_EQ(peer.response.content_type, "text/csv; charset=utf-8");
  EXPECT_THAT(peer.body, testing::StartsWith("received,host,host_name,query,action,host_time,severity,a,b,other\r\n"));
  EXPECT_THAT(peer.body, HasSubstr(",3,,q,added,,,1,\"it's, \"\"quoted\"\"\nand more\",\r\n"));
}

TEST_P(ResultEndpointsTest, ExportsAsJsonAndLines) {
  for (int i = 0; i < 3; ++i) store(fmt::format(R"({{"n":{}}})", i));
  EXPECT_EQ(json::parse(streamed(export_results(), "format=json")).as_array().size(), 3U);
  const auto lines = streamed(export_results());
  EXPECT_EQ(std::ranges::count(lines, '\n'), 3);
  EXPECT_EQ(json::parse(lines.substr(0, lines.find('\n'))).at("columns").at("n").as_int64(), 2);
  EXPECT_EQ(json::parse(streamed(export_results(), "format=json&query=none")).as_array().size(), 0U);
}

TEST_P(ResultEndpointsTest, AnExportWaitsForItsReaderAndEndsWithIt) {
  std::string snapshot = R"({"name":"q","action":"snapshot","snapshot":[{"n":"0"})";
  for (int i = 1; i < 6000; ++i) snapshot += fmt::format(R"(,{{"n":"{}","x":"{}"}})", i, std::string(1000, 'x'));
  std::promise<void> done;
  ASSERT_TRUE(services_.results->store({.host = 1, .received = server::system_clock()(), .lines = {snapshot + "]}"}},
                                       [&](const Result<void>&) { done.set_value(); }));
  done.get_future().wait();
  Peer slow;
  ask(export_results(), slow);
  EXPECT_LT(slow.body.size(), 2U << 20);  // the rest is not read before the peer has taken this
  EXPECT_FALSE(slow.finished);
  slow.read_all();
  EXPECT_TRUE(slow.finished);
  EXPECT_EQ(std::ranges::count(slow.body, '\n'), 6000);

  Peer leaves;
  leaves.gone = true;
  ask(export_results(), leaves);
  EXPECT_TRUE(leaves.waiting.empty());
  EXPECT_FALSE(leaves.finished);
}

TEST_P(ResultEndpointsTest, StorageAndRetention) {
  store("{}");
  Peer peer;
  ask(change_result_retention(), peer, "", {}, R"({"keep_days":7,"keep_bytes":1000000000})");
  EXPECT_EQ(peer.response.status, 204U) << peer.response.body;
  const json::value storage = answered(show_result_storage());
  EXPECT_EQ(storage.at("rows").as_int64(), 1);
  EXPECT_EQ(storage.at("keep_days").as_int64(), 7);
  EXPECT_EQ(storage.at("days").as_array().size(), 1U);
  ask(change_result_retention(), peer, "", {}, R"({"keep_days":0,"keep_bytes":-1})");
  EXPECT_EQ(peer.response.status, 422U);
}

TEST_P(ResultEndpointsTest, DaysOfAQueryItsOwn) {
  const auto change = [&](const char* body) {
    Peer peer;
    ask(change_result_retention(), peer, "", {}, body);
    return peer.response;
  };
  const auto kept = [&] { return json::serialize(answered(show_result_storage()).at("keep_query_days")); };
  EXPECT_EQ(kept(), "{}");
  EXPECT_EQ(change(R"({"keep_days":7,"keep_bytes":0,"keep_query_days":{"pack/execs/starts":365,"noise":2}})").status,
            204U);
  EXPECT_EQ(kept(), R"({"noise":2,"pack/execs/starts":365})");
  EXPECT_EQ(change(R"({"keep_days":8,"keep_bytes":0})").status, 204U);
  EXPECT_EQ(kept(), R"({"noise":2,"pack/execs/starts":365})") << "who knows nothing of them changes nothing";
  for (const auto& [body, complaint] :
       {std::pair{R"({"keep_days":8,"keep_bytes":0,"keep_query_day":{}})", R"(did you mean \"keep_query_days\"?)"},
        std::pair{R"({"keep_days":8,"keep_bytes":0,"keep_query_days":{"q":0}})",
                  "days of «q»: must be from 1 to 36500"},
        std::pair{R"({"keep_days":8,"keep_bytes":0,"keep_query_days":{"q":36501}})", "from 1 to 36500"},
        std::pair{R"({"keep_days":8,"keep_bytes":0,"keep_query_days":{"q":"1"}})", "a whole number is wanted"},
        std::pair{R"({"keep_days":8,"keep_bytes":0,"keep_query_days":{"":1}})", "1 to 1000 bytes"},
        std::pair{R"({"keep_days":8,"keep_bytes":0,"keep_query_days":[]})", "an object is wanted"}}) {
    const auto response = change(body);
    EXPECT_EQ(response.status, 422U) << body;
    EXPECT_THAT(response.body, HasSubstr(complaint));
  }
  EXPECT_EQ(change(R"({"keep_days":8,"keep_bytes":0,"keep_query_days":{}})").status, 204U);
  EXPECT_EQ(kept(), "{}");
  std::string details;
  ASSERT_TRUE(database().read([&](soci::session& sql) {
    sql << "SELECT CAST(details AS TEXT) FROM activity ORDER BY id LIMIT 1", soci::into(details);
  }));
  EXPECT_EQ(json::parse(details).at("keep_query_days").at("pack/execs/starts").as_int64(), 365);
}

TEST(ResultEndpoints, NeedAPermission) {
  for (const auto make : {search_results, count_results, export_results, show_result_storage})
    EXPECT_EQ(make().permission, api::Permission::view);
  EXPECT_EQ(change_result_retention().permission, api::Permission::administer);
}

}  // namespace
}  // namespace results
}  // namespace osprey::server
