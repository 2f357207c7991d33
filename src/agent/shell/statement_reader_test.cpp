#include "agent/shell/statement_reader.h"

#include <gtest/gtest.h>

namespace osprey::agent::shell {
namespace {

TEST(StatementReader, ALineThatIsCompleteRunsAtOnce) {
  StatementReader reader;
  EXPECT_EQ(reader.add("select 1; select 2;"), "select 1; select 2;");
  EXPECT_FALSE(reader.pending());
  EXPECT_EQ(reader.first_line(), 1u);
}

TEST(StatementReader, LinesAreGathered) {
  StatementReader reader;
  EXPECT_FALSE(reader.add(""));
  EXPECT_FALSE(reader.add("select"));
  EXPECT_FALSE(reader.add(" 1"));
  EXPECT_TRUE(reader.pending());
  EXPECT_EQ(reader.add(";"), "select\n 1\n;");
  EXPECT_EQ(reader.first_line(), 2u);
}

TEST(StatementReader, ASemicolonInTextOrCommentEndsNothing) {
  StatementReader reader;
  EXPECT_FALSE(reader.add("select ';"));
  EXPECT_EQ(reader.add("';"), "select ';\n';");
  EXPECT_FALSE(reader.add("select 1 -- c;"));
  EXPECT_EQ(reader.take_rest(), "select 1 -- c;");
}

TEST(StatementReader, CommentsAloneAreNothing) {
  StatementReader reader;
  EXPECT_FALSE(reader.add("-- c;"));
  EXPECT_FALSE(reader.pending());
  EXPECT_FALSE(reader.add("/* a"));
  EXPECT_TRUE(reader.pending());
  EXPECT_FALSE(reader.add("b */"));
  EXPECT_FALSE(reader.pending());
  EXPECT_EQ(reader.take_rest(), "");
}

TEST(StatementReader, TriggersEndAtEnd) {
  StatementReader reader;
  EXPECT_FALSE(reader.add("create trigger t after insert on x begin select 1;"));
  EXPECT_TRUE(reader.add("end;"));
}

TEST(BlankSql, WhiteSpaceAndComments) {
  EXPECT_TRUE(is_blank_sql(" \n-- x\n /* y */ "));
  EXPECT_FALSE(is_blank_sql("-- x\n1"));
  EXPECT_FALSE(is_blank_sql("/* open"));
  EXPECT_FALSE(is_blank_sql(";"));
}

}  // namespace
}  // namespace osprey::agent::shell
