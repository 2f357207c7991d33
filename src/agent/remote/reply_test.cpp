#include "agent/remote/reply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace osprey::agent {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr ReplyRules kOurs{};
constexpr ReplyRules kOsquery{.osquery_compatible = true};

TEST(Reply, AnObjectWithoutAnErrorIsTaken) {
  for (const auto& rules : {kOurs, kOsquery}) {
    const auto reply = read_reply(200, R"({"a":1,"node_invalid":false})", rules);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->at("a").as_int64(), 1);
  }
}

// osquery's habit by which a server that is down takes lines and loses them.
TEST(Reply, WithoutABodyTheStatusDecides) {
  EXPECT_TRUE(read_reply(200, "", kOurs));
  EXPECT_TRUE(read_reply(204, "", kOurs));
  for (const long status : {301, 304, 400, 404, 500, 503}) {
    EXPECT_FALSE(read_reply(status, "", kOurs)) << status;
    EXPECT_TRUE(read_reply(status, "", kOsquery)) << status;
    EXPECT_FALSE(read_reply(status, "{}", kOurs)) << status;
    EXPECT_TRUE(read_reply(status, "{}", kOsquery)) << status;
  }
}

TEST(Reply, ABodyThatIsTooLargeIsToldApart) {
  for (const auto* body : {R"({"error":"too large"})", "<html>413 Request Entity Too Large</html>"}) {
    EXPECT_TRUE(read_reply(413, body, kOurs).error().too_large);
    EXPECT_TRUE(read_reply(413, body, kOsquery).error().too_large);
    EXPECT_FALSE(read_reply(503, body, kOurs).error().too_large);
  }
}

TEST(Reply, OnlyATrueThatIsNoTextMakesTheKeyInvalid) {
  for (const auto& rules : {kOurs, kOsquery}) {
    for (const long status : {200, 401}) {
      const auto reply = read_reply(status, R"({"node_invalid":true,"error":"x"})", rules);
      ASSERT_FALSE(reply);
      EXPECT_TRUE(reply.error().node_invalid);
    }
    EXPECT_TRUE(read_reply(200, R"({"node_invalid":"true"})", rules));
    EXPECT_TRUE(read_reply(200, R"({"node_invalid":1})", rules));
    EXPECT_TRUE(read_reply(200, R"({"node_invalid":null})", rules));
  }
}

TEST(Reply, AnErrorOfAnyShapeIsARefusal) {
  for (const auto* body :
       {R"({"error":"no room"})", R"({"error":{"code":5,"text":"no room"}})", R"({"error":["no room"]})"}) {
    const auto reply = read_reply(200, body, kOurs);
    ASSERT_FALSE(reply);
    EXPECT_FALSE(reply.error().node_invalid);
    EXPECT_THAT(reply.error().reason, HasSubstr("no room"));
  }
  EXPECT_FALSE(read_reply(200, R"({"error":null})", kOurs));
  EXPECT_FALSE(read_reply(200, R"({"error":""})", kOsquery));
}

TEST(Reply, WhoDoesNotEvaluateSeesAll) {
  const ReplyRules rules{.evaluate = false};
  EXPECT_TRUE(read_reply(200, R"({"node_invalid":true,"error":"x"})", rules));
  EXPECT_FALSE(read_reply(500, R"({"error":"x"})", rules));
}

TEST(Reply, WhatIsNoObject) {
  for (const auto* body : {"[]", "1", "\"text\"", "null", "true"}) {
    EXPECT_FALSE(read_reply(200, body, kOurs)) << body;
    EXPECT_TRUE(read_reply(200, body, kOsquery)) << body;
  }
  for (const auto* body : {"not json", "{", "{\"a\":1} x", "<html>502</html>", "{\"a\":1,}", "\xff\xfe"}) {
    EXPECT_FALSE(read_reply(200, body, kOurs)) << body;
    EXPECT_FALSE(read_reply(200, body, kOsquery)) << body;
  }
  EXPECT_FALSE(read_reply(200, std::string(100'000, '['), kOurs));
}

TEST(Reply, WhatIsQuotedIsShortAndOnOneLine) {
  const auto html = read_reply(502, "<html>\n<b>Bad\tGateway\x1b[31m</b>" + std::string(10'000, 'x'), kOurs);
  ASSERT_FALSE(html);
  EXPECT_THAT(html.error().reason, HasSubstr("HTTP status 502"));
  EXPECT_THAT(html.error().reason, HasSubstr("<html> <b>Bad Gateway [31m"));
  EXPECT_LT(html.error().reason.size(), 400u);
  const auto error = read_reply(200, "{\"error\":\"" + std::string(10'000, 'x') + "\"}", kOurs);
  EXPECT_LT(error.error().reason.size(), 400u);
}

TEST(Reply, BytesThatAreNoUtf8Stay) {
  const auto reply = read_reply(200, "{\"sql\":\"select '\xe9'\"}", kOurs);
  ASSERT_TRUE(reply);
  EXPECT_EQ(std::string_view(reply->at("sql").as_string()), "select '\xe9'");
}

std::expected<std::string, ReplyFault> key_in(const char* body) {
  return read_node_key(boost::json::parse(body).as_object(), false);
}

TEST(NodeKey, IsNodeKeyOrId) {
  EXPECT_EQ(key_in(R"({"node_key":"a b/1"})"), "a b/1");
  EXPECT_EQ(key_in(R"({"id":"x"})"), "x");
  EXPECT_EQ(key_in(R"({"node_key":"","id":"x"})"), "x");
  EXPECT_EQ(key_in(R"({"node_key":5,"id":"x"})"), "x");
}

TEST(NodeKey, WhatIsNone) {
  for (const auto* body : {"{}", R"({"node_key":""})", R"({"node_key":null})", R"({"node_key":["a"]})", R"({"id":7})",
                           R"({"node_key":"a\r\nX: y"})", R"({"node_key":"a\u0000b"})"})
    EXPECT_FALSE(key_in(body)) << body;
  EXPECT_FALSE(read_node_key({{"node_key", std::string(5000, 'k')}}, false));
  EXPECT_THAT(key_in(R"({"error":"wrong secret","node_invalid":true})").error().reason, HasSubstr("wrong secret"));
}

}  // namespace
}  // namespace osprey::agent
