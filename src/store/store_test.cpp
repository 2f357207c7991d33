#include "store/store.h"

#include <gtest/gtest.h>

#include "store/failing_store.h"
#include "store/memory_store.h"

namespace osprey::store {
namespace {

TEST(Store, OrderedNumbersSortAsNumbers) {
  EXPECT_LT(ordered(255), ordered(256));
  EXPECT_EQ(parse_ordered(ordered(0x0102030405060708)), 0x0102030405060708U);
  EXPECT_EQ(parse_ordered("short"), std::nullopt);
}

TEST(Store, PrefixEndIsAfterAllThatBeginsSo) {
  EXPECT_EQ(prefix_end("ab"), "ac");
  EXPECT_EQ(prefix_end(std::string("a\xFF")), "b");
  EXPECT_EQ(prefix_end("\xFF"), "");
}

TEST(MemoryStore, BatchesApplyInOrder) {
  const auto store = memory_store();
  Batch batch;
  batch.put(Family::queries, "a", "1");
  batch.put(Family::queries, "b", "2");
  batch.put(Family::queries, "c", "3");
  batch.erase_range(Family::queries, "a", "c");
  batch.put(Family::queries, "a", "4");
  ASSERT_TRUE(store->write(batch));
  EXPECT_EQ(*store->get(Family::queries, "a"), "4");
  EXPECT_EQ(*store->get(Family::queries, "b"), std::nullopt);
  const auto cursor = store->cursor(Family::queries, "b", "");
  ASSERT_TRUE(cursor->valid());
  EXPECT_EQ(cursor->key(), "c");
}

TEST(FailingStore, DiesBeforeOrAfterTheWrite) {
  std::shared_ptr<Store> beneath = memory_store();
  Batch batch;
  batch.put(Family::queries, "a", "1");
  EXPECT_THROW((void)failing_store(beneath, [](FaultPoint) { return Fault::die; })->write(batch), Death);
  EXPECT_EQ(*beneath->get(Family::queries, "a"), std::nullopt);
  EXPECT_THROW(
      (void)failing_store(beneath, [](FaultPoint at) { return at.after ? Fault::die : Fault::none; })->write(batch),
      Death);
  EXPECT_EQ(*beneath->get(Family::queries, "a"), "1");
}

}  // namespace
}  // namespace osprey::store
