#include "linux/files/shadow.h"

#include <gtest/gtest.h>

namespace osprey::linux {
namespace {

TEST(Shadow, FieldsOfALine) {
  const auto found = parse_shadow("alice:$y$j9T$salt$hash:19000:0:99999:7:30:20000:\n");
  ASSERT_EQ(found.entries.size(), 1u);
  const auto& alice = found.entries[0];
  EXPECT_EQ(alice.username, "alice");
  EXPECT_EQ(alice.status, PasswordStatus::active);
  EXPECT_EQ(alice.hash_algorithm, "y");
  EXPECT_EQ(alice.last_change, 19000);
  EXPECT_EQ(alice.min, 0);
  EXPECT_EQ(alice.max, 99999);
  EXPECT_EQ(alice.warning, 7);
  EXPECT_EQ(alice.inactive, 30);
  EXPECT_EQ(alice.expire, 20000);
  EXPECT_EQ(alice.flag, std::nullopt);
}

TEST(Shadow, StatusAndAlgorithm) {
  const auto of = [](const char* password) {
    const auto found = parse_shadow(std::string("u:") + password + ":1::::::\n");
    const auto& entry = found.entries.at(0);
    return std::string(name(entry.status)) + " " + entry.hash_algorithm.value_or("-");
  };
  EXPECT_EQ(of(""), "empty -");
  EXPECT_EQ(of("!!"), "not_set -");
  EXPECT_EQ(of("!"), "locked -");
  EXPECT_EQ(of("*"), "locked -");
  EXPECT_EQ(of("x"), "locked -");
  EXPECT_EQ(of("!$6$salt$hash"), "locked -");
  EXPECT_EQ(of("$6$salt$hash"), "active 6");
  EXPECT_EQ(of("$2b$12$hash"), "active 2b");
  EXPECT_EQ(of("$$x"), "active -");
  EXPECT_EQ(of("$md5,rounds=5000$salt$hash"), "active -");
  EXPECT_EQ(of("aaDESdesDESde"), "active -");
}

TEST(Shadow, ShortAndBrokenLines) {
  const auto found = parse_shadow("alone\n:x:1::::::\nbad:x:soon::::::\n+nis::0:0:::::\n# off:x\n\nold:*:1:2:3\n");
  ASSERT_EQ(found.entries.size(), 1u);
  EXPECT_EQ(found.entries[0].username, "old");
  EXPECT_EQ(found.entries[0].max, 3);
  EXPECT_EQ(found.entries[0].warning, std::nullopt);
  EXPECT_EQ(found.skipped, 3u);
}

TEST(Shadow, HugeLinesAndNuls) {
  const std::string huge(1 << 16, 'a');
  const auto found = parse_shadow(huge + ":*:1::::::\n" + std::string("a\0b:*:1::::::\n", 14));
  ASSERT_EQ(found.entries.size(), 2u);
  EXPECT_EQ(found.entries[1].username, std::string("a\0b", 3));
}

}  // namespace
}  // namespace osprey::linux
