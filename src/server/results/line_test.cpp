#include "server/results/line.h"

#include <gmock/gmock.h>

#include "server/results/value_filter.h"

namespace osprey::server::results {
namespace {

using testing::Contains;
using testing::IsEmpty;
using testing::Not;

struct Split {
  std::vector<Row> rows;
  Tokens tokens;
};
Split split_line(std::string_view line, bool status = false) {
  Split split;
  append_rows(line, status, split.rows, split.tokens);
  return split;
}

TEST(StoredLine, AnEventLineIsARow) {
  const Split split = split_line(
      R"({"name":"users","hostIdentifier":"h1","calendarTime":"Thu Mar  5 14:04:05 2026 UTC","unixTime":1772719445,)"
      R"("epoch":7,"counter":3,"numerics":false,"decorations":{"host_uuid":"u"},"columns":{"uid":"1001","username":"bob"},)"
      R"("action":"added"})");
  ASSERT_EQ(split.rows.size(), 1U);
  EXPECT_EQ(split.rows[0], (Row{.kind = Kind::row,
                                .action = Action::added,
                                .unix_ms = 1'772'719'445'000,
                                .epoch = 7,
                                .counter = 3,
                                .name = "users",
                                .columns = R"({"uid":"1001","username":"bob"})",
                                .decorations = R"({"host_uuid":"u"})"}));
  EXPECT_THAT(split.tokens, testing::UnorderedElementsAre(token_of_query("users"), token_of_column("uid", "1001"),
                                                          token_of_column("username", "bob")));
}

TEST(StoredLine, NumbersMayBeTextAndDecorationsAtTheTop) {
  const Split split = split_line(
      R"({"name":"q","unixTime":"5","epoch":"1","counter":"2","team":"x","columns":{"a":1,"b":1.0,"c":null,"d":true},"action":"removed"})");
  ASSERT_EQ(split.rows.size(), 1U);
  EXPECT_EQ(split.rows[0].unix_ms, 5000);
  EXPECT_EQ(split.rows[0].counter, 2);
  EXPECT_EQ(split.rows[0].decorations, R"({"team":"x"})");
  EXPECT_EQ(split.rows[0].columns, R"({"a":1,"b":1.0,"c":null,"d":true})");
  EXPECT_THAT(split.tokens, Contains(token_of_column("b", "1.0")));
  EXPECT_THAT(split.tokens, Contains(token_of_column("c", "")));
}

TEST(StoredLine, SnapshotAndBatchLinesBecomeRows) {
  const Split snapshot =
      split_line(R"({"snapshot":[{"pid":"1"},{"pid":"51"}],"action":"snapshot","name":"p","unixTime":1})");
  ASSERT_EQ(snapshot.rows.size(), 2U);
  EXPECT_EQ(snapshot.rows[1].action, Action::snapshot);
  EXPECT_EQ(snapshot.rows[1].columns, R"({"pid":"51"})");

  const Split batch =
      split_line(R"({"diffResults":{"removed":[{"pid":"9"}],"added":[{"pid":"12"}]},"name":"p","unixTime":1})");
  ASSERT_EQ(batch.rows.size(), 2U);
  EXPECT_EQ(batch.rows[0].action, Action::removed);
  EXPECT_EQ(batch.rows[1].action, Action::added);
}

TEST(StoredLine, NoRowsAreAnAnswerToo) {
  for (const char* line : {R"({"snapshot":[],"action":"snapshot","name":"p"})", R"({"snapshot":"","name":"p"})",
                           R"({"diffResults":{"removed":[],"added":""},"name":"p"})"}) {
    const Split split = split_line(line);
    ASSERT_EQ(split.rows.size(), 1U);
    EXPECT_EQ(split.rows[0].kind, Kind::empty);
    EXPECT_EQ(split.rows[0].name, "p");
  }
}

TEST(StoredLine, StatusLines) {
  const Split split = split_line(
      R"({"hostIdentifier":"h1","unixTime":1,"severity":2,"filename":"a.cpp","line":42,"message":"text","version":"5.23.0"})",
      true);
  ASSERT_EQ(split.rows.size(), 1U);
  EXPECT_EQ(split.rows[0].kind, Kind::status);
  EXPECT_EQ(split.rows[0].severity, 2);
  EXPECT_EQ(split.rows[0].columns, R"({"filename":"a.cpp","line":42,"message":"text","version":"5.23.0"})");
  EXPECT_EQ(split_line(R"({"severity":"1","message":"m"})", true).rows[0].severity, 1);
}

TEST(StoredLine, WhatIsNoneOfThemIsKeptAsItCame) {
  std::string deep = R"({"name":"q","action":"added","columns":{"a":)";
  for (int i = 0; i < 5000; ++i) deep += '[';
  for (const std::string& line :
       {std::string("{"), std::string(""), std::string("[]"), std::string("null"), std::string("\"text\""),
        std::string("{}"), deep, std::string(R"({"name":"q","action":"added","columns":[]})"),
        std::string(R"({"name":"q","action":"eaten","columns":{}})"),
        std::string(R"({"name":5,"action":"added","columns":{}})"), std::string(R"({"action":"added","columns":{}})"),
        std::string(R"({"name":"q","snapshot":[{"a":"1"},5]})"), std::string(R"({"name":"q","diffResults":[]})"),
        std::string(R"({"name":"q","diffResults":{"added":{"a":1}}})"),
        std::string(R"({"name":"q","action":"added","columns":{}} x)")}) {
    const Split split = split_line(line);
    ASSERT_EQ(split.rows.size(), 1U) << line.substr(0, 100);
    EXPECT_EQ(split.rows[0].kind, Kind::raw) << line.substr(0, 100);
    EXPECT_EQ(split.rows[0].columns, line);
    EXPECT_THAT(split.tokens, IsEmpty());
  }
  for (const char* line : {"{}", R"({"severity":9,"message":"m"})", R"({"severity":1})"})
    EXPECT_EQ(split_line(line, true).rows[0].kind, Kind::raw) << line;
}

TEST(StoredLine, BytesThatADatabaseWouldNotTakeAreEscaped) {
  const Split split = split_line(
      "{\"name\":\"q\xff\",\"action\":\"added\",\"columns\":{\"a\\u0000b\":\"c\\u0000d\",\"e\":\"\xc3\x28\"}}");
  ASSERT_EQ(split.rows.size(), 1U);
  EXPECT_EQ(split.rows[0].name, "q\\xFF");
  EXPECT_EQ(split.rows[0].columns, R"({"a\\x00b":"c\\x00d","e":"\\xC3("})");
  EXPECT_THAT(split.tokens, Contains(token_of_column("a\\x00b", "c\\x00d")));
  EXPECT_EQ(
      split_line("{\"name\":\"q\",\"action\":\"added\",\"columns\":{\"a\":[{\"\xff\":\"\\u0000\"}]}}").rows[0].columns,
      R"({"a":[{"\\xFF":"\\x00"}]})");
  using namespace std::string_literals;
  EXPECT_EQ(split_line("not\0json\xff"s).rows[0].columns, "not\\x00json\\xFF");
}

TEST(StoredLine, TokensOfAStoredRowAreThoseOfItsLine) {
  const Split split = split_line(
      R"({"name":"q","action":"added","columns":{"a":"x\u0000\n\"","b":5,"c":-1.5,"d":null,"e":[1,{"f":"g"}],"h":true,"i":1e300}})");
  Tokens again;
  append_tokens(split.rows[0], again);
  EXPECT_THAT(again, testing::UnorderedElementsAreArray(split.tokens));
}

TEST(StoredLine, NumbersBeyondADoubleStayJson) {
  const Split split =
      split_line(R"({"name":"q","action":"added","columns":{"a":1e999,"b":123456789012345678901234567890}})");
  ASSERT_EQ(split.rows[0].kind, Kind::row);
  EXPECT_EQ(columns_of(split.rows[0].columns).size(), 2U);
}

TEST(StoredLine, ALineOfVeryManyRowsIsKeptWhole) {
  std::string line = R"({"name":"q","snapshot":[{})";
  for (int i = 0; i < 70'000; ++i) line += ",{}";
  line += "]}";
  EXPECT_EQ(split_line(line).rows[0].kind, Kind::raw);
}

TEST(StoredLine, TokensNeverChange) {
  // They are in databases.
  EXPECT_EQ(token_of_column("uid", "0"), 5087240799642013785U);
  EXPECT_EQ(token_of_query("users"), 12560196319234732961U);
}

TEST(ValueFilter, SaysYesToAllOfItsTokensAndSeldomToOthers) {
  for (const int count : {0, 1, 33, 5000, 60'000}) {
    Tokens tokens;
    for (int i = 0; i < count; ++i) tokens.push_back(token_of_column("pid", std::to_string(i)));
    const std::string filter = make_filter(tokens);
    EXPECT_EQ(filter.size() % kBlock, 0U);
    EXPECT_LE(filter.size(), kBlock + static_cast<std::size_t>(count) * 2 + kBlock);
    const auto says = [&](std::uint64_t token) {
      const std::size_t block = static_cast<std::size_t>(block_number(token)) % (filter.size() / kBlock);
      return may_have(std::string_view(filter).substr(block * kBlock, kBlock), token);
    };
    for (const std::uint64_t token : tokens) ASSERT_TRUE(says(token));
    int wrong = 0;
    for (int i = 0; i < 20'000; ++i) wrong += says(token_of_column("pid", "x" + std::to_string(i)));
    EXPECT_LT(wrong, 60) << count;  // 3 in 1,000
  }
}

}  // namespace
}  // namespace osprey::server::results
