#include "linux/procfs/process_io.h"

#include <gtest/gtest.h>

namespace osprey::linux {
namespace {

TEST(ProcessIo, CancelledWritesAreNotWritten) {
  const auto io = parse_process_io(
      "rchar: 323934931\nwchar: 323929600\nsyscr: 632687\nsyscw: 632675\nread_bytes: 8192\nwrite_bytes: 323932160\n"
      "cancelled_write_bytes: 160\n");
  ASSERT_TRUE(io);
  EXPECT_EQ(io->read_bytes, 8192);
  EXPECT_EQ(io->written_bytes, 323932000);
}

TEST(ProcessIo, MoreCancelledThanWritten) {
  const auto io = parse_process_io("read_bytes: 0\nwrite_bytes: 10\ncancelled_write_bytes: 30\n");
  ASSERT_TRUE(io);
  EXPECT_EQ(io->written_bytes, -20);
}

TEST(ProcessIo, IncompleteTextIsNoAnswer) {
  EXPECT_FALSE(parse_process_io(""));
  EXPECT_FALSE(parse_process_io("read_bytes: 1\nwrite_bytes: 2\n"));
  EXPECT_FALSE(parse_process_io("read_bytes: x\nwrite_bytes: 2\ncancelled_write_bytes: 0\n"));
}

}  // namespace
}  // namespace osprey::linux
