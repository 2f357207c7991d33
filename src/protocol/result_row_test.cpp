// Encoded rows: the numbers and escapes of compat sections 4.1 and 4.4.
#include "protocol/result_row.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace osprey::protocol {
namespace {

std::string columns(const std::string& row, bool numerics) {
  std::string out;
  EXPECT_TRUE(append_columns(out, row, numerics));
  return out;
}

std::string real(double value, bool numerics) {
  std::string row;
  RowEncoder(row).real("d", value);
  const auto text = columns(row, numerics);
  return text.substr(5, text.size() - 6);
}

TEST(ResultRow, FractionsAsTextHaveFifteenDigitsAndADotZero) {
  EXPECT_EQ(real(1.5, false), R"("1.5")");
  EXPECT_EQ(real(3, false), R"("3.0")");
  EXPECT_EQ(real(1e30, false), R"("1e+30.0")");
  EXPECT_EQ(real(0.1 + 0.2, false), R"("0.3")");
  EXPECT_EQ(real(-0.00001, false), R"("-1e-05.0")");
  EXPECT_EQ(real(123456789012345678.0, false), R"("1.23456789012346e+17")");
}

TEST(ResultRow, FractionsAsNumbersAreLaidOutAsRapidJsonDoes) {
  EXPECT_EQ(real(1.5, true), "1.5");
  EXPECT_EQ(real(3, true), "3.0");
  EXPECT_EQ(real(1e30, true), "1e30");
  EXPECT_EQ(real(0, true), "0.0");
  EXPECT_EQ(real(-1.25e30, true), "-1.25e30");
  EXPECT_EQ(real(1e20, true), "100000000000000000000.0");
  EXPECT_EQ(real(1e21, true), "1e21");
  EXPECT_EQ(real(1234.5, true), "1234.5");
  EXPECT_EQ(real(0.000001, true), "0.000001");
  EXPECT_EQ(real(0.0000001, true), "1e-7");
  EXPECT_EQ(real(0.1 + 0.2, true), "0.30000000000000004");
  EXPECT_EQ(real(std::numeric_limits<double>::infinity(), true), R"("inf.0")");
}

TEST(ResultRow, WholeNumbersKeepAllDigits) {
  std::string row;
  RowEncoder encoder(row);
  encoder.integer("a", std::numeric_limits<std::int64_t>::min());
  encoder.integer("b", std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(columns(row, true), R"({"a":-9223372036854775808,"b":9223372036854775807})");
  EXPECT_EQ(columns(row, false), R"({"a":"-9223372036854775808","b":"9223372036854775807"})");
}

TEST(ResultRow, OneAndTheTextOneDiffer) {
  std::string number;
  std::string text;
  RowEncoder(number).integer("a", 1);
  RowEncoder(text).text("a", "1");
  EXPECT_NE(number, text);
  EXPECT_EQ(columns(number, false), columns(text, false));
}

TEST(ResultRow, DifferentialTextEscapesControlsAndWhatIsNotUtf8) {
  std::string scratch;
  using namespace std::string_view_literals;
  EXPECT_EQ(differential_text("plain text, longer than a word", scratch), "plain text, longer than a word");
  EXPECT_EQ(differential_text("\x01\n/\\\"", scratch), R"(\x01\x0A/\")");
  EXPECT_EQ(differential_text("h\xC3\xA9\x7F", scratch), "h\xC3\xA9\x7F");
  EXPECT_EQ(differential_text("a\xFFz\xC3", scratch), R"(a\xFFz\xC3)");
  EXPECT_EQ(differential_text("cut\0off"sv, scratch), "cut");
  EXPECT_EQ(differential_text("\0"sv, scratch), "");
}

TEST(ResultRow, OrderIsByColumnThenKindThenValue) {
  const auto number = [](std::int64_t value) {
    std::string row;
    RowEncoder(row).integer("a", value);
    return row;
  };
  std::string text;
  RowEncoder(text).text("a", "0");
  std::string other;
  RowEncoder(other).integer("b", -5);
  std::string longer = number(300);
  RowEncoder(longer).integer("b", 0);
  EXPECT_TRUE(row_less(number(-1), number(2)));
  EXPECT_TRUE(row_less(number(2), number(256)));
  EXPECT_FALSE(row_less(number(2), number(2)));
  EXPECT_TRUE(row_less(number(256), text));
  EXPECT_TRUE(row_less(text, other));
  EXPECT_TRUE(row_less(number(300), longer));
  EXPECT_FALSE(row_less(longer, number(300)));
}

TEST(ResultRow, OnlyWhatTheEncoderWritesIsTaken) {
  std::string row;
  RowEncoder encoder(row);
  encoder.integer("a", 1);
  encoder.text("b", "text");
  std::string out;
  for (std::size_t length = 0; length < row.size(); ++length) {
    const bool whole = length == 0 || length == 11;  // no column, or one
    EXPECT_EQ(append_columns(out, std::string_view(row).substr(0, length), false), whole) << length;
  }
  EXPECT_FALSE(append_columns(out, row + row, false));  // names not ascending
  EXPECT_FALSE(append_columns(out,
                              std::string("\x81\x00"
                                          "at\x00",
                                          5),
                              false));  // a length with a needless byte
  EXPECT_FALSE(append_columns(out,
                              std::string("\x01"
                                          "ax",
                                          3),
                              false));  // an unknown kind
}

}  // namespace
}  // namespace osprey::protocol
