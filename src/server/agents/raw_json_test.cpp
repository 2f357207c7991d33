#include "server/agents/raw_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace osprey::server::agents {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

std::optional<std::vector<std::pair<std::string, std::string>>> members(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> found;
  const bool good = each_member(text, [&](auto name, auto value) { found.emplace_back(name, value); });
  return good ? std::optional(found) : std::nullopt;
}

std::optional<std::vector<std::string>> items(std::string_view text) {
  std::vector<std::string> found;
  const bool good = each_item(text, [&](auto value) { found.emplace_back(value); });
  return good ? std::optional(found) : std::nullopt;
}

TEST(RawJson, CutsMembersAndItemsAsTheyCame) {
  EXPECT_THAT(*members(R"( { "a" : [1, {"b":"}"}] ,"c\u0064":"x\\\"," , "e":{}, "f":-1.5e3,"g":true } )"),
              ElementsAre(Pair("a", R"([1, {"b":"}"}])"), Pair("cd", R"("x\\\",")"), Pair("e", "{}"),
                          Pair("f", "-1.5e3"), Pair("g", "true")));
  EXPECT_THAT(*members("{}"), IsEmpty());
  EXPECT_THAT(*items(R"([{"a":"]"},[],"[" , 3])"), ElementsAre(R"({"a":"]"})", "[]", R"("[")", "3"));
  EXPECT_THAT(*items(" [ ] "), IsEmpty());
}

TEST(RawJson, WhatIsNoObjectOrListIsTold) {
  for (const auto* text : {"", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{\"a\":1}x", "{\"a\":1", "[]",
                           "{\"a", "{\"a\":\"b", "{\"a\":{\"b\":1}", "{\"\\ud800x\":1}", "null", "{,}"})
    EXPECT_FALSE(members(text)) << text;
  for (const auto* text : {"", "[", "[1", "[1,]", "[,1]", "[1]]", "{}", "[{]", "[\"]"})
    EXPECT_FALSE(items(text)) << text;
}

TEST(RawJson, KnowsValidTextAndRows) {
  for (const auto* text : {"{}", " [1,2.5e9,\"\\u00e9\",true,null] ", "\"x\"", "3"})
    EXPECT_TRUE(is_valid_json(text)) << text;
  const auto deep = std::string(40, '[') + std::string(40, ']');
  for (const auto* text : {"", "{\"a\":[}]", "[1 2]", "{} {}", "\"\xff\"", "\"\n\"", "nul", "{\"a\":01}", deep.c_str()})
    EXPECT_FALSE(is_valid_json(text)) << text;
  for (const auto* text : {"[]", " [{}]", R"([{"a":"1","b":""},{"a":"2"}])"})
    EXPECT_TRUE(is_rows_of_text(text)) << text;
  for (const auto* text : {"", "{}", "\"\"", "[1]", "[\"a\"]", "[[]]", R"([{"a":1}])", R"([{"a":{}}])",
                           R"([{"a":["b"]}])", R"([{"a":null}])", R"([{"a":"1"}] x)"})
    EXPECT_FALSE(is_rows_of_text(text)) << text;
}

}  // namespace
}  // namespace osprey::server::agents
