#include "events/bpf/ring.h"

#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <cstring>
#include <string>

namespace osprey::events::bpf {
namespace {

// Writes records as the kernel does.
class Kernel {
 public:
  Ring ring() {
    return Ring({.consumed = &consumed, .produced = &produced, .bytes = bytes.data(), .size = bytes.size()});
  }

  void write(std::string_view text, std::uint32_t flags = 0) {
    put(produced, static_cast<std::uint32_t>(text.size()) | flags);
    for (std::size_t i = 0; i < text.size(); ++i)
      bytes[(produced + 8 + i) % bytes.size()] = static_cast<std::byte>(text[i]);
    produced += (text.size() + 8 + 7) / 8 * 8;
  }
  void put(std::uint64_t position, std::uint32_t word) {
    std::memcpy(bytes.data() + position % bytes.size(), &word, sizeof(word));
  }

  std::uint64_t consumed = 0;
  std::uint64_t produced = 0;
  alignas(8) std::array<std::byte, 64> bytes{};
};

std::optional<std::string> text_of(std::optional<std::span<const std::byte>> record) {
  if (!record) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(record->data()), record->size());
}

// EVT-22: records are read where the kernel wrote them.
TEST(Ring, GivesRecordsInOrderAndTheirRoomBackWhenTold) {
  Kernel kernel;
  auto ring = kernel.ring();
  EXPECT_FALSE(ring.next(ring.produced()));
  kernel.write("one");
  kernel.write("two and more");
  EXPECT_EQ(text_of(ring.next(ring.produced())), "one");
  EXPECT_EQ(text_of(ring.next(ring.produced())), "two and more");
  EXPECT_FALSE(ring.next(ring.produced()));
  EXPECT_EQ(kernel.consumed, 0);
  ring.release();
  EXPECT_EQ(kernel.consumed, 16 + 24);
}

TEST(Ring, AWrappedRecordIsWhole) {
  Kernel kernel;
  auto ring = kernel.ring();
  kernel.write(std::string(40, 'a'));
  ASSERT_TRUE(ring.next(ring.produced()));
  ring.release();
  kernel.write("0123456789abcdefghijklmn");
  EXPECT_EQ(text_of(ring.next(ring.produced())), "0123456789abcdefghijklmn");
  ring.release();
  EXPECT_EQ(kernel.consumed, kernel.produced);
}

TEST(Ring, PassesOverWhatWasGivenUpAndWaitsForWhatIsBeingWritten) {
  Kernel kernel;
  auto ring = kernel.ring();
  kernel.write("gone", BPF_RINGBUF_DISCARD_BIT);
  const auto second = kernel.produced;
  kernel.write("busy", BPF_RINGBUF_BUSY_BIT);
  kernel.write("after");
  EXPECT_FALSE(ring.next(ring.produced()));
  ring.release();
  EXPECT_EQ(kernel.consumed, second);
  kernel.put(second, 4);
  EXPECT_EQ(text_of(ring.next(ring.produced())), "busy");
  EXPECT_EQ(text_of(ring.next(ring.produced())), "after");
}

TEST(Ring, StopsWhereItIsTold) {
  Kernel kernel;
  auto ring = kernel.ring();
  kernel.write("before");
  const auto until = ring.produced();
  kernel.write("after");
  EXPECT_TRUE(ring.next(until));
  EXPECT_FALSE(ring.next(until));
  EXPECT_EQ(text_of(ring.next(ring.produced())), "after");
}

TEST(Ring, ALengthThatCannotBeIsNotRead) {
  Kernel kernel;
  auto ring = kernel.ring();
  kernel.write("x");
  kernel.put(0, 1 << 20);
  EXPECT_FALSE(ring.next(ring.produced()));
}

}  // namespace
}  // namespace osprey::events::bpf
