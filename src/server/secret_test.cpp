#include "server/secret.h"

#include <gtest/gtest.h>

namespace osprey::server {
namespace {

TEST(Secret, IsRandomAndLong) {
  EXPECT_EQ(random_secret().size(), 64U);
  EXPECT_NE(random_secret(), random_secret());
  EXPECT_TRUE(is_secret(random_secret()));
  for (const auto& wrong : {std::string(), std::string(63, 'a'), std::string(65, 'a'), std::string(64, 'A')})
    EXPECT_FALSE(is_secret(wrong)) << wrong;
}

TEST(Secret, HashesAreThoseOfTheStandards) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  // RFC 4231, test case 2.
  EXPECT_EQ(hmac_sha256_hex("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Secret, ComparesWholly) {
  EXPECT_TRUE(equal_secrets("", ""));
  EXPECT_TRUE(equal_secrets("abc", "abc"));
  EXPECT_FALSE(equal_secrets("abc", "abd"));
  EXPECT_FALSE(equal_secrets("abc", "ab"));
}

TEST(Secret, Base32IsRfc4648sInLowerCase) {
  EXPECT_EQ(base32(""), "");
  EXPECT_EQ(base32("f"), "my");
  EXPECT_EQ(base32("fo"), "mzxq");
  EXPECT_EQ(base32("foobar"), "mzxw6ytboi");
}

TEST(Secret, WhatIsSealedOpensWithItsKeyOnly) {
  const auto key = sha256("a");
  const auto sealed = seal(key, "told once");
  EXPECT_EQ(unseal(key, sealed), "told once");
  EXPECT_EQ(unseal(key, seal(key, "")), "");
  EXPECT_NE(sealed, seal(key, "told once"));
  EXPECT_FALSE(unseal(sha256("b"), sealed));
  auto changed = sealed;
  changed.back() = changed.back() == '0' ? '1' : '0';
  EXPECT_FALSE(unseal(key, changed));
  for (const auto* wrong : {"", "00", "zz", "0"}) EXPECT_FALSE(unseal(key, wrong)) << wrong;
}

}  // namespace
}  // namespace osprey::server
