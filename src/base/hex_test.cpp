#include "base/hex.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace osprey {
namespace {

TEST(Hex, ComesBack) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  EXPECT_EQ(from_hex(hex(bytes)), bytes);
  EXPECT_EQ(from_hex(""), "");
  EXPECT_EQ(from_hex("4A4b"), "JK");
}

TEST(Hex, WhatIsNoneIsNothing) {
  for (const auto* wrong : {"0", "0x", "zz", " 1", "+1", "-1", "00 0"}) EXPECT_FALSE(from_hex(wrong)) << wrong;
}

}  // namespace
}  // namespace osprey
