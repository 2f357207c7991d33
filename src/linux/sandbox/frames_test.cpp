#include "linux/sandbox/frames.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace osprey::linux {
namespace {

using testing::ElementsAre;

TEST(Frames, GoThereAndBack) {
  const auto message = encode_frame(Frame::Kind::part, std::string_view("a\0b", 3));
  const auto frame = decode_frame(message);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->kind, Frame::Kind::part);
  EXPECT_EQ(frame->payload, std::string_view("a\0b", 3));
}

TEST(Frames, OthersAreRefused) {
  EXPECT_FALSE(decode_frame(""));
  EXPECT_FALSE(decode_frame("Xpayload"));
  EXPECT_FALSE(decode_frame("P" + std::string(Frame::kMaxPayload + 1, 'x')));
}

TEST(Frames, Fields) {
  std::string bytes;
  append_field(bytes, "one");
  append_field(bytes, "");
  append_field(bytes, std::string_view("\0\xff", 2));
  EXPECT_THAT(*decode_fields(bytes), ElementsAre("one", "", std::string_view("\0\xff", 2)));
  EXPECT_THAT(*decode_fields(""), ElementsAre());
  EXPECT_FALSE(decode_fields(bytes.substr(0, bytes.size() - 1)));
  EXPECT_FALSE(decode_fields("abc"));
  EXPECT_FALSE(
      decode_fields("\xff\xff\xff\xff"
                    "abc"));
}

}  // namespace
}  // namespace osprey::linux
