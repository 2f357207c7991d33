#include "store/identity.h"

#include <gtest/gtest.h>

namespace osprey::store {
namespace {

const Identity kIdentity = {
    {"identity.empty", ""}, {"identity.host", "uuid"}, {"identity.key", std::string("\0\xFF,\n", 4)}};

TEST(Identity, ComesBackAsItWas) {
  EXPECT_EQ(parse_identity(format_identity(kIdentity)), kIdentity);
  EXPECT_EQ(parse_identity(format_identity({})), Identity{});
}

// Weakness 42: a line is whole or as if it were not there, whichever byte of the file is damaged.
TEST(Identity, ADamagedLineIsNoneAndTheOthersStay) {
  const auto text = format_identity(kIdentity);
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (const char byte : {'0', 'f', '\n', '\0'}) {
      auto damaged = text;
      damaged[at] = byte;
      const auto found = parse_identity(damaged);
      for (const auto& [key, value] : found) {
        ASSERT_TRUE(kIdentity.contains(key)) << at;
        ASSERT_EQ(value, kIdentity.at(key)) << at;
      }
      ASSERT_GE(found.size() + 2, kIdentity.size()) << at;  // a line end that is damaged makes two lines one
    }
  }
}

TEST(Identity, OtherKeysAreNotTaken) {
  EXPECT_EQ(parse_identity(format_identity({{"something", "else"}})), Identity{});
}

}  // namespace
}  // namespace osprey::store
