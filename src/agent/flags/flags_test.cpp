#include "agent/flags/flags.h"

#include <gtest/gtest.h>

namespace osprey::agent {
namespace {

TEST(Flags, DefaultsUntilSet) {
  Flags flags;
  EXPECT_EQ(flags.text("separator"), "|");
  EXPECT_TRUE(flags.boolean("header"));
  EXPECT_EQ(flags.number("read_max"), 52428800);
  EXPECT_FALSE(flags.is_set("header"));
  flags.set("header", "false");
  EXPECT_FALSE(flags.boolean("header"));
  EXPECT_TRUE(flags.is_set("header"));
}

TEST(Flags, EveryDefaultIsAValueOfItsType) {
  Flags flags;
  for (const auto& flag : kFlags) {
    EXPECT_TRUE(flags.set(flag, flag.default_value)) << flag.name;
    EXPECT_EQ(flags.value(flag), flag.default_value) << flag.name;
    EXPECT_FALSE(flag.meaning.empty()) << flag.name;
  }
}

TEST(Flags, AliasesNameFlags) {
  for (const auto& alias : kFlagAliases) {
    EXPECT_NE(find_flag(alias.name), nullptr) << alias.alias;
    EXPECT_EQ(find_flag(alias.alias), nullptr) << alias.alias;
  }
}

TEST(Flags, BooleansHaveManyWords) {
  Flags flags;
  const auto& json = *find_flag("json");
  for (const auto* yes : {"1", "t", "TRUE", "Y", "yes"}) {
    ASSERT_TRUE(flags.set(json, yes)) << yes;
    EXPECT_EQ(flags.value(json), "true") << yes;
  }
  for (const auto* no : {"0", "F", "false", "n", "No"}) {
    ASSERT_TRUE(flags.set(json, no)) << no;
    EXPECT_EQ(flags.value(json), "false") << no;
  }
  for (const auto* neither : {"", "maybe", "2", "on", "truee"}) EXPECT_FALSE(flags.set(json, neither)) << neither;
}

TEST(Flags, NumbersKeepToTheirType) {
  Flags flags;
  const auto& signed32 = *find_flag("profile");
  EXPECT_TRUE(flags.set(signed32, "-5"));
  EXPECT_TRUE(flags.set(signed32, "0x10"));
  EXPECT_EQ(flags.value(signed32), "16");
  EXPECT_FALSE(flags.set(signed32, "2147483648"));
  EXPECT_FALSE(flags.set(signed32, "5x"));
  EXPECT_EQ(flags.value(signed32), "16") << "what is refused changes nothing";
  const auto& unsigned64 = *find_flag("read_max");
  EXPECT_TRUE(flags.set(unsigned64, "18446744073709551615"));
  EXPECT_FALSE(flags.set(unsigned64, "-1"));
  EXPECT_FALSE(flags.set(unsigned64, ""));
}

TEST(Flags, WhatIsNotBuiltSaysSo) {
  EXPECT_TRUE(described(*find_flag("audit_debug")).ends_with(" (not built yet)"));
  EXPECT_FALSE(described(*find_flag("json")).contains("not built"));
}

}  // namespace
}  // namespace osprey::agent
