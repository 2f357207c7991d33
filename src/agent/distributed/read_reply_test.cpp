#include "agent/distributed/read_reply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace osprey::agent {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

ReadReply parsed(std::string_view text) { return parse_read_reply(boost::json::parse(text).as_object()); }

TEST(ReadReply, Queries) {  // DST-02
  const auto reply = parsed(R"({"queries":{"b":"select 1","a":"select 2"},"discovery":{"a":"select 3","c":"select 4"},
                                "accelerate":60,"node_invalid":false})");
  EXPECT_THAT(reply.queries, ElementsAre(AskedQuery{"b", "select 1", {}, {}, false},
                                         AskedQuery{"a", "select 2", "select 3", {}, false}));
  EXPECT_EQ(reply.accelerate, seconds(60));
  EXPECT_EQ(reply.fault, "");
}

TEST(ReadReply, NothingToDo) {
  for (const auto* text : {"{}", R"({"queries":{}})", R"({"queries":null,"discovery":null})"})
    EXPECT_EQ(parsed(text), ReadReply()) << text;
}

TEST(ReadReply, OtherTypes) {
  const auto reply = parsed(R"({"queries":{"n":5,"u":null,"a":["select 1"],"d":"select 1","ok":"select 2"},
                                "discovery":{"d":{}}})");
  ASSERT_EQ(reply.queries.size(), 5U);
  for (int i : {0, 1, 2}) EXPECT_EQ(reply.queries[static_cast<std::size_t>(i)].fault, "the query is not a text");
  EXPECT_EQ(reply.queries[3].fault, "its discovery query is not a text");
  EXPECT_TRUE(reply.queries[3].discovery_fault);
  EXPECT_EQ(reply.queries[4].fault, "");

  EXPECT_EQ(parsed(R"({"queries":["select 1"]})").fault, "\"queries\" is not an object");
  EXPECT_EQ(parsed(R"({"discovery":"x"})").fault, "\"discovery\" is not an object");
}

TEST(ReadReply, Acceleration) {
  EXPECT_EQ(parsed(R"({"accelerate":"30"})").accelerate, std::nullopt);
  EXPECT_EQ(parsed(R"({"accelerate":1.5})").accelerate, std::nullopt);
  EXPECT_EQ(parsed(R"({"accelerate":0})").accelerate, seconds(0));
  EXPECT_EQ(parsed(R"({"accelerate":-9223372036854775808})").accelerate, seconds(0));
  EXPECT_EQ(parsed(R"({"accelerate":18446744073709551615})").accelerate, seconds(7 * 86400));
}

}  // namespace
}  // namespace osprey::agent
