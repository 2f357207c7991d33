#include "agent/differential/row_hash.h"

#include <gtest/gtest.h>

#include <numeric>

#include "agent/differential/row_index.h"
#include "base/text.h"

namespace osprey::agent {
namespace {

std::string hex_of(const RowHash& hash) {
  const auto bytes = hash.bytes();
  return hex({bytes.data(), bytes.size()});
}

// The published vectors: key 00 01 … 0f, messages of 0 and 1 bytes.
TEST(RowHash, IsSipHash24With128Bits) {
  RowHasher::Key key{};
  std::iota(key.begin(), key.end(), static_cast<unsigned char>(0));
  RowHasher hasher(key);
  EXPECT_EQ(hex_of(hasher("")), "a3817f04ba25a8e66df67214c7550293");
  EXPECT_EQ(hex_of(hasher(std::string_view("\0", 1))), "da87c1d86b99af44347659119b22fc45");
  EXPECT_EQ(hasher({"two ", "pieces"}), hasher("two pieces"));
  EXPECT_NE(RowHasher(RowHasher::random_key())("a"), RowHasher(RowHasher::random_key())("a"));
}

TEST(RowHash, BytesSortAsHashesDo) {
  const RowHash low{1, 0xFF};
  const RowHash high{0x100, 0};
  EXPECT_LT(low, high);
  EXPECT_LT(low.bytes(), high.bytes());
  EXPECT_EQ(RowHash::from({low.bytes().data(), RowHash::kBytes}), low);
}

TEST(RowIndex, EachRowIsTakenAsOftenAsItIsThere) {
  RowHasher hasher({});
  std::map<RowHash, std::uint32_t> rows;
  for (int i = 0; i < 1000; ++i) rows[hasher(std::to_string(i))] = i % 3 == 0 ? 2 : 1;
  RowIndex index;
  for (const auto& [hash, count] : rows) index.append(hash, count);
  index.seal();
  for (const auto& [hash, count] : rows) {
    for (std::uint32_t i = 0; i < count; ++i) EXPECT_TRUE(index.take(hash));
    EXPECT_FALSE(index.take(hash));
  }
  EXPECT_FALSE(index.take(hasher("1000")));
  EXPECT_FALSE(index.take({0, 0}));
  EXPECT_FALSE(index.take({~0ULL, ~0ULL}));
}

TEST(RowIndex, NothingIsInAnEmptyOne) {
  RowIndex index;
  index.seal();
  index.prefetch({5, 5});
  EXPECT_FALSE(index.take({5, 5}));
}

}  // namespace
}  // namespace osprey::agent
