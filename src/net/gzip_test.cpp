#include "net/gzip.h"

#include <gtest/gtest.h>

#include "net/gzip_testing.h"

namespace osprey::net {
namespace {

TEST(Gzip, WhateverIsPackedComesBack) {
  std::string bytes;
  for (unsigned i = 0; i < 100'000; ++i) bytes += static_cast<char>(i * 2654435761U >> 24);  // hardly compressible
  for (const auto& text : {std::string(), std::string("{}"), std::string(1 << 20, ' '), bytes})
    EXPECT_EQ(unzipped(gzipped(text), text.size()), text);
  EXPECT_LT(gzipped(std::string(1 << 20, ' ')).size(), 2000U);
}

}  // namespace
}  // namespace osprey::net
