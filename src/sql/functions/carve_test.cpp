#include "sql/functions/testing.h"

namespace osprey::sql {
namespace {

using CarveTest = FunctionsTest;

TEST_F(CarveTest, IsRefusedWhateverTheRows) {
  EXPECT_EQ(value("(select carve(p) from (select 1 as p) where 0)"), "Carve Failed:");
  EXPECT_EQ(value("(select carve(column1) from (values ('/a'), ('/b')))"), "Carve Failed:");
}

}  // namespace
}  // namespace osprey::sql
