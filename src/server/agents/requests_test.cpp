#include "server/agents/requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace osprey::server::agents {
namespace {

namespace json = boost::json;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::size_t kLine = 1 << 20;

// As osquery 5.23 sent it (recordings/wire).
constexpr std::string_view kEnroll =
    R"({"enroll_secret":"enroll-secret-1","host_identifier":"host-1","platform_type":"9","host_details":{"os_version":{)"
    R"("platform":"debian"},"system_info":{"uuid":"4C4C","cpu_brand":"AMD EPYC\u0000\u0000"}}})";
constexpr std::string_view kWrite =
    R"({"queries":{"q1":[{"z":"1","n":""}],"qbad":[]},"statuses":{"q1":0,"qbad":1},"messages":{"q1":"","qbad":"no such )"
    R"(table: x"},"stats":{"q1":{"wall_time_ms":0,"memory":49152}},"node_key":"k"})";
constexpr std::string_view kLog =
    R"({"data":[{"name":"a","columns":{"k":"}]"}},{"name":"b"}],"log_type":"result","node_key":"k"})";
constexpr std::string_view kBegin =
    R"({"block_count":3,"block_size":8192,"carve_size":20480,"carve_id":"g","request_id":"r","node_key":"k"})";
constexpr std::string_view kBlock = R"({"block_id":2,"session_id":"s","request_id":"r","data":"AAEC"})";

TEST(AgentRequests, EnrollIsReadWithItsDetails) {
  const auto request = read_enroll(kEnroll, "enroll_secret");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->secret, "enroll-secret-1");
  EXPECT_EQ(request->identifier, "host-1");
  EXPECT_EQ(request->details.at("os_version").at("platform"), "debian");
  EXPECT_EQ(request->details.at("system_info").at("cpu_brand"), "AMD EPYC");
  EXPECT_EQ(read_enroll(R"({"other":"s"})", "other")->secret, "s");
}

TEST(AgentRequests, LogLinesAreTheTextThatCame) {
  const auto request = read_log(kLog, kLine);
  ASSERT_TRUE(request);
  EXPECT_FALSE(request->status);
  EXPECT_EQ(request->node_key, "k");
  EXPECT_THAT(request->lines, ElementsAre(R"({"name":"a","columns":{"k":"}]"}})", R"({"name":"b"})"));
  EXPECT_TRUE(read_log(R"({"log_type":"status","data":[]})", kLine)->status);
}

TEST(AgentRequests, BadLinesAreDroppedAndCounted) {
  const auto request =
      read_log(R"({"log_type":"result","data":[1,"x",{"a":1},{"a":nul},null,[],{"long":"0123456789"}]})", 12);
  ASSERT_TRUE(request);
  EXPECT_THAT(request->lines, ElementsAre(R"({"a":1})"));
  EXPECT_EQ(request->dropped, 6U);
}

TEST(AgentRequests, ALogTypeOfAnotherKindIsNamed) {
  EXPECT_THAT(read_log(R"({"log_type":"carve","data":[]})", kLine).error().text(), HasSubstr("log_type: 'carve'"));
  EXPECT_THAT(read_log(R"({"data":[]})", kLine).error().text(), HasSubstr("log_type: is missing"));
}

TEST(AgentRequests, WriteIsReadByQuery) {
  const auto request = read_write(kWrite);
  ASSERT_TRUE(request);
  ASSERT_EQ(request->answers.size(), 2U);
  EXPECT_EQ(request->answers[0].rows, R"([{"z":"1","n":""}])");
  EXPECT_EQ(request->answers[0].stats, R"({"wall_time_ms":0,"memory":49152})");
  EXPECT_FALSE(request->answers[0].failed);
  EXPECT_TRUE(request->answers[1].failed);
  EXPECT_EQ(request->answers[1].message, "no such table: x");
  EXPECT_EQ(request->answers[1].stats, "{}");
}

TEST(AgentRequests, OldAgentsAreUnderstood) {
  const auto request =
      read_write(R"({"queries":{"a":"","b":[{"n":1,"f":2.5,"z":null}],"c":"x"},"statuses":{"a":"0","b":"1"}})");
  ASSERT_TRUE(request);
  ASSERT_EQ(request->answers.size(), 3U);
  EXPECT_EQ(request->answers[0].rows, "[]");
  EXPECT_FALSE(request->answers[0].failed);
  EXPECT_EQ(request->answers[1].rows, R"([{"n":"1","f":"2.5E0","z":""}])");
  EXPECT_TRUE(request->answers[1].failed);
  EXPECT_TRUE(request->answers[2].failed);
  EXPECT_EQ(request->answers[2].rows, "[]");
  EXPECT_FALSE(request->answers[2].message.empty());
}

TEST(AgentRequests, CarvesAreRead) {
  const auto begin = read_carve_begin(kBegin);
  ASSERT_TRUE(begin);
  EXPECT_EQ(begin->start.carve_size, 20480U);
  EXPECT_EQ(begin->start.carve_id, "g");
  const auto block = read_carve_block(kBlock);
  ASSERT_TRUE(block);
  EXPECT_EQ(block->block_id, 2U);
  EXPECT_EQ(block->data, std::string("\0\1\2", 3));
  EXPECT_FALSE(read_carve_block(R"({"block_id":0,"session_id":"s","data":"%%%"})"));
  EXPECT_FALSE(read_carve_block(R"({"block_id":-1,"session_id":"s","data":""})"));
}

// Every member of every body, at any depth, in turn replaced by a value of each other shape, and left out: an answer or
// an error with a text, and what is handed on keeps its promises.
void mutate(const json::value& value, const std::function<void()>& check, json::value& place) {
  static const json::value kShapes[] = {nullptr,
                                        true,
                                        -1,
                                        1.5,
                                        "",
                                        "'; DROP TABLE x; --<script>",
                                        json::array{},
                                        json::array{1, nullptr},
                                        json::object{},
                                        json::object{{"a", json::array{1}}}};
  for (const auto& shape : kShapes) {
    place = shape;
    check();
  }
  place = value;
  if (value.is_object())
    for (const auto& member : value.get_object()) {
      auto& object = place.get_object();
      mutate(member.value(), check, object[member.key()]);
      object.erase(member.key());
      check();
      place = value;
    }
  if (value.is_array())
    for (std::size_t i = 0; i < value.get_array().size(); ++i) {
      mutate(value.get_array()[i], check, place.get_array()[i]);
      place = value;
    }
}

template <class Read>
void every_wrong_shape(std::string_view text, Read read) {
  const auto value = json::parse(text);
  auto body = value;
  int bodies = 0;
  mutate(
      value,
      [&] {
        ++bodies;
        const auto sent = json::serialize(body);
        SCOPED_TRACE(sent);
        const auto request = read(sent);
        EXPECT_TRUE(request || !request.error().text().empty());
      },
      body);
  EXPECT_GT(bodies, 20);
}

TEST(AgentRequests, AnyShapeAtAnyMemberIsAnAnswerOrANamedError) {
  every_wrong_shape(kEnroll, [](const auto& body) { return read_enroll(body, "enroll_secret"); });
  every_wrong_shape(R"({"node_key":"k","etag":"e"})", [](const auto& body) { return read_config(body); });
  every_wrong_shape(R"({"node_key":"k","a":1})", [](const auto& body) { return read_node_key(body); });
  every_wrong_shape(kBegin, [](const auto& body) { return read_carve_begin(body); });
  every_wrong_shape(kBlock, [](const auto& body) { return read_carve_block(body); });
  every_wrong_shape(kLog, [](const auto& body) {
    const auto request = read_log(body, kLine);
    for (const auto& line : request ? request->lines : std::vector<std::string>())
      EXPECT_TRUE(json::parse(line).is_object());
    return request;
  });
  every_wrong_shape(kWrite, [](const auto& body) {
    const auto request = read_write(body);
    for (const auto& answer : request ? request->answers : std::vector<Answer>()) {
      const auto rows = json::parse(answer.rows);
      for (const auto& row : rows.as_array())
        for (const auto& member : row.as_object()) EXPECT_TRUE(member.value().is_string());
      EXPECT_TRUE(json::parse(answer.stats).is_object());
    }
    return request;
  });
}

TEST(AgentRequests, WhatIsNoJsonIsAnError) {
  for (const auto* body :
       {"x", "[]", "null", "\"a\"", "{", "{\"node_key\":\"a\"", "\xff\xfe", "{\"node_key\":\"\xff\"}"}) {
    EXPECT_FALSE(read_enroll(body, "enroll_secret")) << body;
    EXPECT_FALSE(read_config(body)) << body;
    EXPECT_FALSE(read_node_key(body)) << body;
    EXPECT_FALSE(read_log(body, kLine)) << body;
    EXPECT_FALSE(read_write(body)) << body;
    EXPECT_FALSE(read_carve_begin(body)) << body;
    EXPECT_FALSE(read_carve_block(body)) << body;
  }
}

}  // namespace
}  // namespace osprey::server::agents
