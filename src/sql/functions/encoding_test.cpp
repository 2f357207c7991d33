#include "sql/functions/testing.h"

namespace osprey::sql {
namespace {

using EncodingTest = FunctionsTest;

TEST_F(EncodingTest, LineEndsInBase64AreSkipped) {
  EXPECT_EQ(value("from_base64('Zm9v' || char(13) || char(10) || 'YmFy' || char(10))"), "foobar");
  EXPECT_EQ(value("from_base64('Zm 9v')"), "");
}

TEST_F(EncodingTest, BytesAfterANulSurvive) {
  EXPECT_EQ(value("hex(from_base64('AGE='))"), "0061");
  EXPECT_EQ(value("to_base64(x'610062')"), "YQBi");
}

TEST_F(EncodingTest, ConditionalLeavesPrintableText) {
  EXPECT_EQ(value("conditional_to_base64(' ~')"), " ~");
  EXPECT_EQ(value("conditional_to_base64(char(31))"), "Hw==");
  EXPECT_EQ(value("conditional_to_base64(x'80')"), "gA==");
}

}  // namespace
}  // namespace osprey::sql
