#include "fleet/histogram.h"

#include <gtest/gtest.h>

namespace osprey::fleet {
namespace {

TEST(Histogram, IsExactForSmallValuesAndWithinTwoPercentAbove) {
  for (const std::int64_t value : {0, 1, 100, 127, 128, 129, 1'000, 65'535, 1'234'567, 60'000'000}) {
    Histogram one;
    one.add(value);
    one.add(value * 2 + 10);  // so that the maximum does not clip the bucket's edge
    const auto found = static_cast<double>(one.percentile(0.5));
    EXPECT_GE(found, static_cast<double>(value));
    EXPECT_LE(found, static_cast<double>(value) * 1.017);
  }
}

TEST(Histogram, PercentilesCountFromBelow) {
  Histogram all;
  for (int value = 1; value <= 100; ++value) all.add(value);
  EXPECT_EQ(all.percentile(0.5), 50u);
  EXPECT_EQ(all.percentile(0.99), 99u);
  EXPECT_EQ(all.percentile(1), 100u);
  EXPECT_EQ(all.max(), 100u);
}

TEST(Histogram, NothingIsZeroAndWhatIsBeyondTheLastBucketIsKept) {
  Histogram all;
  EXPECT_EQ(all.percentile(0.99), 0u);
  all.add(std::int64_t{1} << 62);
  all.add(-5);
  EXPECT_EQ(all.count(), 2u);
  EXPECT_EQ(all.percentile(1), std::uint64_t{1} << 62);
}

TEST(Histogram, MergesAsIfAllHadBeenAddedToOne) {
  Histogram first, second;
  for (int value = 1; value <= 50; ++value) first.add(value);
  for (int value = 51; value <= 100; ++value) second.add(value);
  first.merge(second);
  EXPECT_EQ(first.count(), 100u);
  EXPECT_EQ(first.percentile(0.9), 90u);
}

}  // namespace
}  // namespace osprey::fleet
