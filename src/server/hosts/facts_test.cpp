#include "server/hosts/facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace osprey::server::hosts {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(Facts, AreTakenFromTheirTablesAndCut) {
  Host host{.identifier = "web-1"};
  take_over(host, "system_info",
            {{"uuid", " 1-2 "}, {"cpu_brand", std::string("EPYC\0\0", 6)}, {"physical_memory", "x"}});
  EXPECT_EQ(host.name, "web-1");
  EXPECT_EQ(host.uuid, "1-2");
  EXPECT_EQ(host.cpu, "EPYC");
  EXPECT_EQ(host.memory, 0);
  std::string letters;
  while (letters.size() < kMostFact - 1) letters += "a";
  take_over(host, "os_version", {{"platform", letters + "é"}, {"hostname", "no fact of this table"}});
  EXPECT_EQ(host.platform, letters) << "no half letters";
  EXPECT_EQ(host.name, "web-1");
  take_over(host, "system_info", {{"physical_memory", "-5"}, {"cpu_logical_cores", "99999999999999999999"}});
  EXPECT_EQ(host.memory, 0);
  EXPECT_EQ(host.cpus, 0);
}

TEST(Facts, RowsAreAnArrayOfObjectsOfTexts) {
  EXPECT_THAT(*parse_rows(R"([{"a":"1","b":null,"c":2,"d":true}])"),
              ElementsAre(ElementsAre(Pair("a", "1"), Pair("b", ""), Pair("c", "2"), Pair("d", "true"))));
  EXPECT_THAT(*parse_rows("[]"), ElementsAre());
  for (const auto* wrong : {"", "{}", "[[]]", "[3]", "[{\"a\":[]}]", "[{\"a\":{}}]", "[", "[{}]x", "\xff"})
    EXPECT_FALSE(parse_rows(wrong)) << wrong;
  std::string many = "[{}";
  for (std::size_t i = 0; i < kMostRows; ++i) many += ",{}";
  EXPECT_FALSE(parse_rows(many + "]"));
  EXPECT_FALSE(parse_rows(std::string(100'000, '[')));
}

TEST(Facts, AHostPromisesWhatItsFlagsSay) {
  EXPECT_EQ(promise_of({{"disable_distributed", "false"}, {"distributed_interval", "60"}, {"config_refresh", "300"}}),
            60);
  EXPECT_EQ(promise_of({{"disable_distributed", "true"}, {"distributed_interval", "60"}, {"config_refresh", "300"}}),
            300);
  EXPECT_EQ(promise_of({{"disable_distributed", "true"}, {"config_refresh", "0"}}), std::nullopt);
  EXPECT_EQ(promise_of({{"config_plugin", "filesystem"}, {"config_refresh", "10"}}), std::nullopt);
  EXPECT_EQ(promise_of({{"config_refresh", "-3"}, {"distributed_interval", "9e9"}}), std::nullopt);
  EXPECT_EQ(promise_of({{"config_refresh", "9223372036854775807"}}), 365 * 86400);
  EXPECT_EQ(promise_of({}), std::nullopt);
}

TEST(Facts, OrderVersionsAndAddresses) {
  EXPECT_LT(compare(Order::version, "5.9", "5.12"), 0);
  EXPECT_GT(compare(Order::text, "5.9", "5.12"), 0);
  EXPECT_LT(compare(Order::address, "10.0.0.9", "10.0.0.10"), 0);
  EXPECT_NE(compare(Order::address, "x", "10.0.0.10"), 0);
}

}  // namespace
}  // namespace osprey::server::hosts
