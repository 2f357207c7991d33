#include "agent/schedule/death_note.h"

#include <gtest/gtest.h>

namespace osprey::agent {
namespace {

TEST(DeathNote, TextAndBack) {
  for (const auto* text : {"limit:cpu", "limit:memory", "oom", "signal:9", "exit:78"}) {
    const auto death = parse_death(text);
    ASSERT_TRUE(death) << text;
    EXPECT_EQ(to_text(*death), text);
  }
  EXPECT_TRUE(parse_death("limit:cpu")->by_limit());
  EXPECT_TRUE(parse_death("oom")->by_limit());
  EXPECT_FALSE(parse_death("signal:11")->by_limit());
  for (const auto* text : {"", "limit", "limit:disk", "signal", "signal:", "signal:x", "boredom:1"})
    EXPECT_FALSE(parse_death(text)) << text;
}

}  // namespace
}  // namespace osprey::agent
