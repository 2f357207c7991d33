#include "fleet/reply.h"

#include <gtest/gtest.h>

namespace osprey::fleet {
namespace {

TEST(ReplyReader, ReadsAReplyThatComesByteByByte) {
  const std::string_view text =
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nOsprey-Held-Read: 50\r\nContent-Length: 2\r\n\r\n{}";
  ReplyReader reader;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto whole = reader.feed(text.substr(i, 1));
    ASSERT_TRUE(whole) << whole.error().text();
    EXPECT_EQ(*whole, i + 1 == text.size());
  }
  const Reply reply = reader.take();
  EXPECT_EQ(reply.status, 200u);
  EXPECT_EQ(reply.body, "{}");
  EXPECT_EQ(reply.offered_hold, 50);
  EXPECT_TRUE(reply.keep_alive);
}

TEST(ReplyReader, ReadsChunksAndTheConnectionsEnd) {
  ReplyReader chunked;
  EXPECT_FALSE(*chunked.feed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{\"\r\n3\r\na\":\r\n"));
  ReplyReader whole;
  EXPECT_TRUE(*whole.feed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"));
  EXPECT_EQ(whole.take().body, "{}");
  ReplyReader until_end;
  EXPECT_FALSE(*until_end.feed("HTTP/1.1 500 Sorry\r\nConnection: close\r\n\r\n{}"));
  EXPECT_TRUE(until_end.end());
  const Reply reply = until_end.take();
  EXPECT_EQ(reply.body, "{}");
  EXPECT_FALSE(reply.keep_alive);
}

TEST(ReplyReader, RefusesWhatIsNotHttpAndWhatNobodyAskedFor) {
  EXPECT_FALSE(ReplyReader().feed("SSH-2.0-OpenSSH_9.2\r\n"));
  EXPECT_FALSE(ReplyReader().feed("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\n"));
}

}  // namespace
}  // namespace osprey::fleet
