#include "agent/logging/log_record.h"

#include <gtest/gtest.h>

namespace osprey::agent {
namespace {

LineRecord record(std::string text) {
  return {.kind = LineKind::snapshot,
          .query = "pack_a_b",
          .text = std::move(text),
          .lines = 3,
          .continues = true,
          .goes_on = true};
}

TEST(LogRecord, ComesBackAsItWas) {
  for (const auto& text : {std::string(), std::string("short\n"), std::string(10'000, 'x')}) {
    auto stored = encode_record(record(text), 1'772'719'445);
    set_before(stored, {12, 345});
    const auto header = decode_header(stored);
    ASSERT_TRUE(header);
    EXPECT_EQ(header->before, (LogAmount{12, 345}));
    EXPECT_EQ(header->unix_time, 1'772'719'445);
    EXPECT_EQ(header->lines, 3U);
    EXPECT_EQ(header->text_size, text.size());
    const auto back = decode_record(stored);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->kind, LineKind::snapshot);
    EXPECT_EQ(back->query, "pack_a_b");
    EXPECT_EQ(back->text, text);
    EXPECT_TRUE(back->continues);
    EXPECT_TRUE(back->goes_on);
  }
}

TEST(LogRecord, AnyDamageIsNoRecordOrOneOfItsSize) {
  const auto stored = encode_record(record(std::string(5000, 'x') + "the end"), 1);
  for (std::size_t size = 0; size < stored.size(); ++size) EXPECT_FALSE(decode_record(stored.substr(0, size)));
  for (std::size_t at = 0; at < stored.size(); ++at) {
    auto damaged = stored;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
    if (const auto back = decode_record(damaged)) EXPECT_EQ(back->text.size(), decode_header(damaged)->text_size);
  }
}

}  // namespace
}  // namespace osprey::agent
