// What osquery prints is replayed by tests/integration/test_shell_recordings.py; here is what differs under our name.
#include "agent/shell/printers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include "agent/shell/text_width.h"
#include "base/root.h"

namespace osprey::agent::shell {
namespace {

using testing::HasSubstr;
using testing::Not;

class PrintersTest : public testing::Test {
 protected:
  std::string print(Mode mode, std::string_view sql, PrinterOptions options = {}) {
    const UniqueFd file(::memfd_create("printed", MFD_CLOEXEC));
    {
      Output output(file.get());
      const auto printer = make_printer(mode, std::move(options), output);
      connection.begin({});
      for (;;) {
        auto statement = connection.prepare(sql);
        EXPECT_TRUE(statement) << statement.error().message;
        if (!statement || !*statement) break;
        if ((*statement)->size() > 0) printer->begin(**statement);
        while ((*statement)->step().value()) printer->row(**statement);
      }
      printer->end();
    }
    ::lseek(file.get(), 0, SEEK_SET);
    return read_all(file.get(), 1 << 30, "printed")->bytes;
  }

  sql::Registry registry;
  sql::Connection connection{{.registry = &registry}};
};

TEST_F(PrintersTest, BytesThatAreNotUtf8AreEscapedAlike) {
  constexpr auto kSql = "select cast(x'41ff80' as text) as a";
  EXPECT_EQ(print(Mode::list, kSql), "a\nA\\xFF\\x80\n");
  EXPECT_EQ(print(Mode::csv, kSql), "a\nA\\xFF\\x80\n");
  EXPECT_EQ(print(Mode::line, kSql), "    a = A\\xFF\\x80\n");
  EXPECT_THAT(print(Mode::column, kSql), HasSubstr("A\\xFF\\x80 "));
  EXPECT_THAT(print(Mode::pretty, kSql), HasSubstr("| A\\xFF\\x80 |"));
  EXPECT_EQ(print(Mode::json, kSql), "[\n  {\"a\":\"A\\\\xFF\\\\x80\"}\n]\n");
}

TEST_F(PrintersTest, NulBytesAreKept) {
  EXPECT_EQ(print(Mode::json, "select cast(x'410042' as text) as a"), "[\n  {\"a\":\"A\\u0000B\"}\n]\n");
  EXPECT_EQ(print(Mode::list, "select cast(x'410042' as text) as a"), std::string("a\nA\0B\n", 6));
}

TEST_F(PrintersTest, ColumnsOfOneNameKeepTheirValuesInATable) {
  EXPECT_EQ(print(Mode::pretty, "select 1 as a, 2 as a"), "+---+---+\n| a | a |\n+---+---+\n| 1 | 2 |\n+---+---+\n");
  EXPECT_EQ(print(Mode::pretty, "select 1 as a, 2 as a", {.osquery_compatible = true}),
            "+---+---+\n| a | a |\n+---+---+\n| 2 | 2 |\n+---+---+\n");
}

TEST_F(PrintersTest, OtherColumnsAreATableOfTheirOwn) {
  constexpr auto kSql = "select 1 as a; select 2 as a; select 3 as b, 4 as c";
  EXPECT_EQ(print(Mode::pretty, kSql),
            "+---+\n| a |\n+---+\n| 1 |\n| 2 |\n+---+\n+---+---+\n| b | c |\n+---+---+\n| 3 | 4 |\n+---+---+\n");
  EXPECT_EQ(print(Mode::pretty, kSql, {.osquery_compatible = true}),
            "+---+\n| a |\n+---+\n| 1 |\n| 2 |\n|   |\n+---+\n");
}

TEST_F(PrintersTest, TypedJson) {
  EXPECT_EQ(print(Mode::json, "select 1 as i, 1.5 as d, null as n, 'x' as t, 9e999 as inf", {.typed = true}),
            "[\n  {\"d\":1.5,\"i\":1,\"inf\":\"Inf\",\"n\":null,\"t\":\"x\"}\n]\n");
}

TEST_F(PrintersTest, ControlCharactersDoNotBreakAFrame) {
  EXPECT_THAT(print(Mode::pretty, "select 'a'||char(10)||'b'||char(27) as x"), HasSubstr("| a\\nb\\x1B |"));
}

TEST_F(PrintersTest, EastAsianCharactersAreTwoCellsWide) {
  EXPECT_EQ(print(Mode::pretty, "select '日本' as a"), "+------+\n| a    |\n+------+\n| 日本 |\n+------+\n");
}

TEST_F(PrintersTest, CellsAreCutToTheTerminal) {
  const auto printed =
      print(Mode::pretty, "select printf('%.*c', 50, 'x') as long, 'abc' as short", {.terminal_width = 30});
  for (auto line : {printed.substr(0, printed.find('\n'))}) EXPECT_EQ(width(line, Measure::cells), 30u);
  EXPECT_THAT(printed, HasSubstr("x… | abc   |"));
}

TEST_F(PrintersTest, ANarrowTerminalLeavesSomethingOfEachColumn) {
  const auto printed = print(Mode::pretty, "select 'abcdefghij' as a, 'abcdefghij' as b", {.terminal_width = 5});
  EXPECT_THAT(printed, HasSubstr("| abcde… | abcde… |"));
}

TEST_F(PrintersTest, AHugeTableStreams) {
  // Beyond the buffer widths are fixed; what is wider stands out, nothing is lost.
  const auto printed = print(Mode::pretty,
                             "with recursive c(x) as (select 1 union all select x + 1 from c where x < 90000) "
                             "select x, printf('%.*c', 500, 'y') as y from c union all select 7, 'last'");
  EXPECT_EQ(std::ranges::count(printed, '\n'), 90'001 + 4);
  EXPECT_TRUE(printed.ends_with("+\n"));
  EXPECT_THAT(printed, HasSubstr("| last "));
}

TEST_F(PrintersTest, StatementsWithoutColumnsPrintNothing) {
  EXPECT_EQ(print(Mode::json, "create table t(a); insert into t values (1)"), "[\n\n]\n");
  EXPECT_EQ(print(Mode::pretty, "create table u(a); select 5 as five"),
            "+------+\n| five |\n+------+\n| 5    |\n+------+\n");
}

}  // namespace
}  // namespace osprey::agent::shell
