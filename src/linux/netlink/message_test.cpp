#include "linux/netlink/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/netlink.h>

#include <cerrno>

#include "linux/netlink/bytes_test.h"

namespace osprey::linux {
namespace {

using testing::EndsWith;

TEST(NetlinkMessage, MessagesAndTheirAttributesOneAfterTheOther) {
  const auto bytes = message_bytes(20, attribute_bytes(1, "abc") + attribute_bytes(2 | NLA_F_NESTED, "xyz1")) +
                     message_bytes(NLMSG_DONE, number_bytes(0));
  std::string_view rest = bytes;
  const auto first = take_message(rest);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->type, 20);
  auto attributes = first->payload;
  EXPECT_EQ(take_attribute(attributes)->payload, "abc");
  const auto nested = take_attribute(attributes);
  EXPECT_EQ(nested->type, 2);
  EXPECT_EQ(nested->payload, "xyz1");
  EXPECT_FALSE(take_attribute(attributes));
  EXPECT_EQ(take_message(rest)->type, NLMSG_DONE);
  EXPECT_FALSE(take_message(rest));
}

TEST(NetlinkMessage, LengthsThatLieEndTheWalk) {
  for (const std::uint16_t length : {0, 3, 9, 0xffff}) {
    auto bytes = attribute_bytes(1, "abcd");
    std::memcpy(bytes.data(), &length, sizeof length);
    std::string_view rest = bytes;
    EXPECT_FALSE(take_attribute(rest)) << length;
    EXPECT_TRUE(rest.empty());
  }
  std::string_view half = "\x10\0\0";
  EXPECT_FALSE(take_message(half));
}

TEST(NetlinkMessage, ShortPayloadsAreZero) {
  EXPECT_EQ((NetlinkAttribute{1, "ab"}).as<std::uint32_t>(), 0u);
  EXPECT_EQ((NetlinkAttribute{1, std::string_view("eth0\0x", 6)}).text(), "eth0");
}

TEST(NetlinkMessage, TheEndOfADumpCarriesTheKernelsWords) {
  EXPECT_TRUE(end_of_dump({NLMSG_DONE, 0, 0, number_bytes(0)}));
  const auto done = number_bytes(-EINVAL) + attribute_bytes(NLMSGERR_ATTR_MSG, std::string("Bad table\0", 10));
  EXPECT_THAT(end_of_dump({NLMSG_DONE, NLM_F_ACK_TLVS, 0, done}).error().message, EndsWith(": Bad table"));
  const auto request = message_bytes(22, "12345678");
  const auto error = number_bytes(-EPERM) + request + attribute_bytes(NLMSGERR_ATTR_MSG, "No");
  EXPECT_THAT(end_of_dump({NLMSG_ERROR, NLM_F_ACK_TLVS, 0, error}).error().message, EndsWith(": No"));
  EXPECT_TRUE(end_of_dump({NLMSG_ERROR, 0, 0, error}).error().denied());
  const auto capped = number_bytes(-EPERM) + request.substr(0, 16) + attribute_bytes(NLMSGERR_ATTR_MSG, "No");
  EXPECT_THAT(end_of_dump({NLMSG_ERROR, NLM_F_ACK_TLVS | NLM_F_CAPPED, 0, capped}).error().message, EndsWith(": No"));
}

}  // namespace
}  // namespace osprey::linux
