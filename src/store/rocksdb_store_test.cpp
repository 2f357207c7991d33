#include "store/rocksdb_store.h"

#include <gmock/gmock.h>

#include "base/temporary_tree.h"

namespace osprey::store {
namespace {

// AGT-13.
class RocksdbStoreTest : public TemporaryTree {
 protected:
  std::string directory() const { return top / "osquery.db"; }
  Opened open(std::uint64_t cap = 0, std::uint64_t floor = 0) {
    auto opened = open_rocksdb({directory(), cap, floor});
    if (!opened) throw std::runtime_error(opened.error().text());
    return std::move(*opened);
  }
};

Batch put(Family family, std::string_view key, std::string_view value) {
  Batch batch;
  batch.put(family, key, value);
  return batch;
}

std::vector<std::string> keys(const Store& store, Family family, std::string_view first = {},
                              std::string_view last = {}) {
  std::vector<std::string> all;
  const auto cursor = store.cursor(family, first, last);
  for (; cursor->valid(); cursor->next()) all.emplace_back(cursor->key());
  EXPECT_TRUE(cursor->status());
  return all;
}

TEST_F(RocksdbStoreTest, KeepsWhatWasWritten) {
  {
    const auto opened = open();
    EXPECT_EQ(opened.reason, "");
    Batch batch;
    batch.put(Family::queries, "a", "1");
    batch.put(Family::lines, "a", "2");
    batch.put(Family::queries, "b", "3");
    batch.erase(Family::queries, "b");
    batch.put(Family::queries, "c", "4");
    batch.put(Family::queries, "d", "5");
    batch.erase_range(Family::queries, "d", "e");
    ASSERT_TRUE(opened.store->write(batch));
  }
  const auto opened = open();
  EXPECT_EQ(opened.reason, "");
  EXPECT_EQ(*opened.store->get(Family::queries, "a"), "1");
  EXPECT_EQ(*opened.store->get(Family::lines, "a"), "2");
  EXPECT_EQ(*opened.store->get(Family::statistics, "a"), std::nullopt);
  EXPECT_THAT(keys(*opened.store, Family::queries), testing::ElementsAre("a", "c"));
  EXPECT_THAT(keys(*opened.store, Family::queries, "a", "c"), testing::ElementsAre("a"));
  EXPECT_THAT(keys(*opened.store, Family::queries, "c", "a"), testing::IsEmpty());
}

TEST_F(RocksdbStoreTest, IsOneProcesssAtATime) {
  const auto opened = open();
  const auto second = open_rocksdb({directory()});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, EBUSY);
  EXPECT_THAT(second.error().text(), testing::HasSubstr(std::to_string(::getpid())));
}

TEST_F(RocksdbStoreTest, IsSeenFromBeside) {
  const auto opened = open();
  ASSERT_TRUE(opened.store->write(put(Family::queries, "a", "1")));
  const auto beside = open_rocksdb_beside(directory());
  ASSERT_TRUE(beside) << beside.error().text();
  EXPECT_EQ(*(*beside)->get(Family::queries, "a"), "1");
  EXPECT_EQ((*beside)->write(put(Family::queries, "a", "2")).error().code, EROFS);
}

}  // namespace
}  // namespace osprey::store
