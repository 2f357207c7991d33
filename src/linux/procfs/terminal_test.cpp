#include "linux/procfs/terminal.h"

#include <gtest/gtest.h>

namespace osprey::linux {
namespace {

TEST(Terminal, Names) {
  EXPECT_EQ(terminal_name(0), std::nullopt);
  EXPECT_EQ(terminal_name(34817), "pts/1");
  EXPECT_EQ(terminal_name((136 << 8) | 44 | (1 << 20)), "pts/300");  // minor 300
  EXPECT_EQ(terminal_name(137 << 8), "pts/256");                     // as kernels before 2.6 numbered them
  EXPECT_EQ(terminal_name(1025), "tty1");
  EXPECT_EQ(terminal_name(1088), "ttyS0");
  EXPECT_EQ(terminal_name(1281), "console");
  EXPECT_EQ(terminal_name((204 << 8) | 64), "ttyAMA0");
  EXPECT_EQ(terminal_name((188 << 8) | 2), "ttyUSB2");
  EXPECT_EQ(terminal_name(250 << 8), std::nullopt);
}

}  // namespace
}  // namespace osprey::linux
