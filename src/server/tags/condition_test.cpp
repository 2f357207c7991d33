#include "server/tags/condition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace osprey::server::tags {
namespace {

using testing::HasSubstr;

Result<Condition> parse(std::string_view text) { return Condition::parse(boost::json::parse(text)); }

bool holds(std::string_view condition, const hosts::Host& host) {
  const auto parsed = parse(condition);
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().text());
  return parsed && parsed->holds(host);
}

hosts::Host web() {
  hosts::Host host{.id = 1, .identifier = "web-1", .name = "Web-1.example.test", .platform = "debian"};
  host.version = "5.9.1";
  host.address = "10.1.2.3";
  host.memory = 8'000'000'000;
  return host;
}

TEST(Condition, HoldsWhatItSays) {
  const auto host = web();
  EXPECT_TRUE(holds(R"({"fact":"platform","is":"debian"})", host));
  EXPECT_FALSE(holds(R"({"fact":"platform","is":"Debian"})", host));
  EXPECT_TRUE(holds(R"({"fact":"platform","one_of":["rhel","debian"]})", host));
  EXPECT_TRUE(holds(R"({"not":{"fact":"platform","is":"rhel"}})", host));
  EXPECT_TRUE(holds(R"({"all":[{"fact":"platform","is":"debian"},{"fact":"name","like":"web%"}]})", host));
  EXPECT_FALSE(holds(R"({"all":[{"fact":"platform","is":"rhel"},{"fact":"name","like":"web%"}]})", host));
  EXPECT_TRUE(holds(R"({"any":[{"fact":"platform","is":"rhel"},{"fact":"name","like":"web%"}]})", host));
}

TEST(Condition, ComparesVersionsNumbersAndAddressesAsSuch) {
  const auto host = web();
  EXPECT_TRUE(holds(R"({"fact":"version","less":"5.12.0"})", host));
  EXPECT_FALSE(holds(R"({"fact":"version","greater_or_equal":"5.10"})", host));
  EXPECT_TRUE(holds(R"({"fact":"version","less_or_equal":"5.9.1"})", host));
  EXPECT_TRUE(holds(R"({"fact":"memory","greater":4294967296})", host));
  EXPECT_FALSE(holds(R"({"fact":"memory","less":4294967296})", host));
  EXPECT_TRUE(holds(R"({"fact":"address","within":"10.0.0.0/8"})", host));
  EXPECT_FALSE(holds(R"({"fact":"address","within":"10.2.0.0/16"})", host));
  EXPECT_FALSE(holds(R"({"fact":"address","within":"::/0"})", host));
  EXPECT_TRUE(holds(R"({"fact":"address","less":"10.1.2.20"})", host));
}

TEST(Condition, WhatIsUnknownIsNeitherLessNorGreater) {
  const hosts::Host host;
  for (const auto* test : {"less", "greater", "less_or_equal", "greater_or_equal"}) {
    EXPECT_FALSE(holds(std::string(R"({"fact":"version",")") + test + R"(":"5"})", host));
    EXPECT_FALSE(holds(std::string(R"({"fact":"memory",")") + test + R"(":5})", host));
  }
  EXPECT_FALSE(holds(R"({"fact":"address","within":"0.0.0.0/0"})", host));
  EXPECT_TRUE(holds(R"({"fact":"platform","is":""})", host));
}

TEST(Condition, LikeIsSqls) {
  auto host = web();
  const auto like = [&](const std::string& name, const std::string& pattern) {
    host.name = name;
    return holds(boost::json::serialize(boost::json::object{{"fact", "name"}, {"like", pattern}}), host);
  };
  EXPECT_TRUE(like("web-1", "WEB-_"));
  EXPECT_FALSE(like("web-12", "web-_"));
  EXPECT_TRUE(like("web-12", "%-%2"));
  EXPECT_TRUE(like("", "%"));
  EXPECT_FALSE(like("", "_"));
  EXPECT_TRUE(like("größe", "gr__e"));
  EXPECT_TRUE(like("aXbXc", "a%x%c"));
  EXPECT_FALSE(like(std::string(250, 'a'), std::string(100, '%') + "b"));
}

TEST(Condition, TellsWhatIsWrongAndWhere) {
  const auto fault = [](std::string_view text) { return parse(text) ? "" : parse(text).error().text(); };
  EXPECT_EQ(fault(R"({"fact":"platfrom","is":"x"})"),
            "/condition: there is no fact \"platfrom\"; did you mean \"platform\"?");
  EXPECT_THAT(fault(R"({"all":[{"fact":"name","is":"x"},{"fact":"name","lke":"x"}]})"),
              testing::AllOf(HasSubstr("/condition/all/1: "), HasSubstr("did you mean \"like\"?")));
  EXPECT_THAT(fault(R"({"fact":"name","all":[]})"), HasSubstr("there is no test \"all\""));
  EXPECT_THAT(fault(R"({"fact":"memory","is":"x"})"), HasSubstr("/condition/is: a whole number is wanted"));
  EXPECT_THAT(fault(R"({"fact":"memory","is":1.5})"), HasSubstr("a whole number is wanted"));
  EXPECT_THAT(fault(R"({"fact":"memory","like":1})"), HasSubstr("not like a text"));
  EXPECT_THAT(fault(R"({"fact":"name","within":"10.0.0.0/8"})"), HasSubstr("block of addresses"));
  EXPECT_THAT(fault(R"({"fact":"address","within":"10.0.0.0/99"})"), HasSubstr("block of addresses"));
  EXPECT_THAT(fault(R"({"fact":"memory","within":1})"), HasSubstr("block of addresses"));
  EXPECT_THAT(fault(R"({"fact":"name","one_of":[]})"), HasSubstr("a list of 1 to"));
  EXPECT_THAT(fault(R"({"not":[]})"), HasSubstr("/condition/not: an object is wanted"));
  EXPECT_THAT(fault(R"({"any":[]})"), HasSubstr("/condition/any: a list of one condition"));
  for (const auto* wrong : {"[]", "null", "3", "{}", R"({"fact":1,"is":""})", R"({"fact":"name"})",
                            R"({"fact":"name","is":"a","like":"b"})", R"({"all":[],"any":[]})", R"({"xor":[]})",
                            R"({"fact":"name","is":null})", R"({"fact":"name","is":[]})"})
    EXPECT_NE(fault(wrong), "") << wrong;
  std::string deep = R"({"fact":"name","is":"x"})";
  for (int i = 0; i < 15; ++i) deep = R"({"not":)" + deep + "}";
  EXPECT_THAT(fault(deep), HasSubstr("deep"));
  std::string wide = R"({"fact":"name","is":"x"})";
  for (int i = 0; i < 300; ++i) wide += R"(,{"fact":"name","is":"x"})";
  EXPECT_THAT(fault(R"({"any":[)" + wide + "]}"), HasSubstr("parts"));
}

}  // namespace
}  // namespace osprey::server::tags
