#include "base/module.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace osprey {
namespace {

using testing::EndsWith;

TEST(Module, AMissingOneIsNamedByItsPath) {
  const auto symbol = module_symbol("no_such", "osprey_module");
  ASSERT_FALSE(symbol);
  EXPECT_THAT(symbol.error().subject, EndsWith("/lib/osprey/no_such.so"));
  EXPECT_THAT(symbol.error().message, testing::HasSubstr("No such file"));
}

}  // namespace
}  // namespace osprey
