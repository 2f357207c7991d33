#include "base/percent.h"

#include <gtest/gtest.h>

namespace osprey {
namespace {

TEST(Percent, EncodesAllButUnreserved) {
  EXPECT_EQ(percent_encoded("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(percent_encoded("a b/ü%\n"), "a%20b%2F%C3%BC%25%0A");
  EXPECT_EQ(percent_encoded(std::string_view("\0\xff", 2)), "%00%FF");
}

TEST(Percent, Decodes) {
  EXPECT_EQ(percent_decoded("a%20b%2f%C3%bc+"), "a b/ü+");
  for (const char* wrong : {"%", "%1", "a%1", "%g0", "%-1", "%+1", "% 1"})
    EXPECT_FALSE(percent_decoded(wrong)) << wrong;
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(percent_decoded(percent_encoded(all)), all);
}

}  // namespace
}  // namespace osprey
