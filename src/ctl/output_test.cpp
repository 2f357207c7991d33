#include "ctl/output.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace osprey::ctl {
namespace {

// What `write` sends to standard output.
template <class Write>
std::string shown(Write write) {
  Terminal terminal(false, false, false);
  testing::internal::CaptureStdout();
  write(terminal);
  terminal.flush();
  return testing::internal::GetCapturedStdout();
}

TEST(Rows, ColumnsFitAllRowsOfAFlushAndGrowByStepsAfterwards) {
  EXPECT_EQ(shown([](Terminal& terminal) {
              Rows rows(terminal, Format::table);
              rows.add({"host", "pid", "name"}, {"a", "1", "init"}, {});
              rows.add({"host", "pid", "name"}, {"longer", "22", "sshd"}, {});
              rows.flush();
              rows.flush();
              rows.add({"host", "pid", "name"}, {"b", "3", "x"}, {});
              rows.add({"host", "pid", "name"}, {"the-longest", "4", "y"}, {});
              rows.add({"host", "pid", "name"}, {"c", "5", "z"}, {});
              rows.finish();
            }),
            "host    pid  name\n"
            "a       1    init\n"
            "longer  22   sshd\n"
            "b                 3    x\n"
            "the-longest       4    y\n"
            "c                 5    z\n");
}

TEST(Rows, OtherColumnsHaveAHeadOfTheirOwn) {
  EXPECT_EQ(shown([](Terminal& terminal) {
              Rows rows(terminal, Format::table);
              rows.add({"a", "b"}, {"1", "2"}, {});
              rows.add({"a", "c"}, {"wide é", "4"}, {});
              rows.finish();
            }),
            "a  b\n1  2\na       c\nwide é  4\n");
}

TEST(Rows, ATableThatGoesOnKeepsABoundedNumber) {
  const auto text = shown([](Terminal& terminal) {
    Rows rows(terminal, Format::table);
    for (int i = 0; i < 1500; ++i) rows.add({"a"}, {"x"}, {});
  });
  EXPECT_GE(std::ranges::count(text, '\n'), 1000);
}

TEST(Rows, WhatIsNoTableIsWrittenAsItComes) {
  for (const auto& [format, text] :
       {std::pair{Format::jsonl, "{\"a\":\"1\"}\n"}, {Format::csv, "a\n1\n"}, {Format::json, "[\n{\"a\":\"1\"}"}})
    EXPECT_EQ(
        shown([&](Terminal& terminal) { Rows(terminal, format).add({"a"}, {"1"}, boost::json::object{{"a", "1"}}); }),
        text);
}

}  // namespace
}  // namespace osprey::ctl
