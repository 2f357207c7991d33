#include "server/enrollment/node_keys.h"

#include <gtest/gtest.h>

#include "server/enrollment/certificate_name.h"
#include "server/enrollment/cool_down.h"
#include "server/secret.h"

namespace osprey::server::enrollment {
namespace {

TEST(NodeKeys, MessagesComeBack) {
  const NodeKey key{
      .hash = digest_of("a"), .host = 7, .used = true, .ends_at = 5, .rival = digest_of("b"), .rival_at = 9};
  const auto read = from_message(to_message(key));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->hash, key.hash);
  EXPECT_EQ(read->host, 7);
  EXPECT_TRUE(read->used);
  EXPECT_EQ(read->ends_at, 5);
  EXPECT_EQ(read->rival, key.rival);
  EXPECT_EQ(read->rival_at, 9);
  EXPECT_FALSE(from_message(to_message({.hash = digest_of("a")}))->rival);
  for (const auto* wrong : {"", "a b c d e f", "1 2 3", "\xff"}) EXPECT_FALSE(from_message(wrong)) << wrong;
}

TEST(NodeKeys, WhatIsNoKeyIsKnownToBeNone) {
  const NodeKeys keys;
  for (const auto* wrong : {"", "k", "0123", "'; DROP TABLE x"}) EXPECT_EQ(keys.recall(wrong, "", {}), 0) << wrong;
  EXPECT_FALSE(keys.recall(random_secret(), "", {}));
}

TEST(NodeKeys, UnknownOnesAreRememberedForAWhile) {
  NodeKeys keys;
  const auto key = random_secret();
  keys.put_unknown(digest_of(key), {1000});
  EXPECT_EQ(keys.recall(key, "", {1001}), 0);
  EXPECT_FALSE(keys.recall(key, "", {60'000}));
  keys.put_unknown(digest_of(key), {1000});
  keys.put({.hash = digest_of(key), .host = 4});
  EXPECT_EQ(keys.recall(key, "", {1001}), 4);
  for (int i = 0; i < 20'000; ++i) keys.put_unknown(digest_of(std::to_string(i)), {1000});
}

TEST(NodeKeys, HoldAHundredThousandAndForgetThem) {
  NodeKeys keys;
  std::vector<NodeKey> all(100'000);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = {.hash = digest_of(std::to_string(i)), .host = 1};
  keys.replace_all(all);
  EXPECT_EQ(keys.size(), all.size());
  keys.put({.hash = digest_of("7")});
  EXPECT_EQ(keys.size(), all.size() - 1);
  keys.replace_all({});
  EXPECT_EQ(keys.size(), 0U);
}

TEST(CoolDown, DoublesUpToTheLongestAndIsForgotten) {
  CoolDown cool_down(2, std::chrono::seconds(5));
  Timestamp now{1'000'000};
  const auto left = [&] { return cool_down.left("a", now).count(); };
  for (const int expected : {0, 0, 1, 2, 4, 5, 5}) {
    cool_down.count("a", now);
    EXPECT_EQ(left(), expected);
  }
  EXPECT_EQ(cool_down.left("b", now).count(), 0);
  now.ms += 5000;
  EXPECT_EQ(left(), 0);
  now.ms -= 500'000;  // a clock that is set back
  EXPECT_LE(left(), 5);
  now.ms += 5'000'000;
  EXPECT_EQ(cool_down.count("a", now), 1U);
}

TEST(CoolDown, IsBounded) {
  CoolDown cool_down(0, std::chrono::seconds(5));
  for (int i = 0; i < 200'000; ++i) cool_down.count(std::to_string(i), {1'000'000});
  EXPECT_EQ(cool_down.left("199999", {1'000'000}).count(), 1);
}

TEST(CertificateName, IsTheFirstCommonName) {
  EXPECT_EQ(common_name("CN=web-1,O=fleet"), "web-1");
  EXPECT_EQ(common_name("O=a\\,b, cn=web\\2D1+OU=x"), "web-1");
  EXPECT_EQ(common_name("O=CN\\=web-1,CN=web-2"), "web-2");
  EXPECT_EQ(common_name("CN=a\\"), "a\\");
  for (const auto* none : {"", "O=fleet", "CN", "=,=,"}) EXPECT_FALSE(common_name(none)) << none;
}

}  // namespace
}  // namespace osprey::server::enrollment
