#include "linux/files/ssh_private_key.h"

#include <gtest/gtest.h>

#include "base/root.h"

namespace osprey::linux {
namespace {

// "type group length security encrypted" of a key of the captured tree.
std::string of_file(const std::string& name, std::size_t cap = Root::kTextCap) {
  const auto root = Root::at(OSPREY_TESTS_DIRECTORY "/roots/debian-12");
  const auto content = root->read("/home/alice/.ssh/" + name, cap);
  if (!content) return content.error().text();
  const auto key = parse_private_key(content->bytes);
  if (!key) return "none";
  const auto encrypted = key->encrypted ? (*key->encrypted ? "encrypted" : "open") : "unknown";
  return key->type + " " + key->group + " " + std::to_string(key->length) + " " + std::to_string(key->security_bits) +
         " " + encrypted;
}

TEST(PrivateKey, OpenSshFormat) {
  EXPECT_EQ(of_file("id_ed25519"), "ed25519  256 128 open");
  EXPECT_EQ(of_file("id_ed25519_locked"), "ed25519  256 128 encrypted");
  EXPECT_EQ(of_file("id_rsa"), "rsa  2048 112 open");
  EXPECT_EQ(of_file("id_rsa_locked"), "rsa  3072 128 encrypted");
  EXPECT_EQ(of_file("id_ecdsa"), "ecdsa-p256 prime256v1 256 128 open");
  EXPECT_EQ(of_file("id_ecdsa521"), "ecdsa-p521 secp521r1 521 256 open");
  EXPECT_EQ(of_file("id_dsa"), "dsa  1024 80 open");
}

TEST(PrivateKey, Pem) {
  EXPECT_EQ(of_file("pem_rsa"), "rsa  2048 112 open");
  EXPECT_EQ(of_file("pem_rsa_locked"), "rsa  -1 -1 encrypted");
  EXPECT_EQ(of_file("pem_ec"), "ec secp384r1 384 192 open");
  EXPECT_EQ(of_file("pem_dsa"), "dsa  1024 80 open");
  EXPECT_EQ(of_file("pkcs8_rsa"), "rsa  4096 152 open");
  EXPECT_EQ(of_file("pkcs8_ec_locked"), "  -1 -1 encrypted");
  EXPECT_EQ(of_file("pkcs8_ed25519"), "ed25519  256 128 open");
}

TEST(PrivateKey, WhatIsNone) {
  EXPECT_EQ(of_file("id_ed25519.pub"), "none");
  EXPECT_EQ(of_file("known_hosts"), "none");
  EXPECT_EQ(of_file("notes"), "none");
  EXPECT_EQ(parse_private_key(""), std::nullopt);
  EXPECT_EQ(parse_private_key("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n"), std::nullopt);
}

TEST(PrivateKey, CutAnywhere) {
  const auto whole = std::size_t{1900};
  for (std::size_t cap = 1; cap < whole; cap += 7) {
    of_file("id_rsa", cap);
    of_file("pem_rsa", cap);
  }
  EXPECT_EQ(of_file("cut_in_half"), "  -1 -1 open");
}

TEST(PrivateKey, AHeaderAloneTellsNothing) {
  const auto key = parse_private_key("-----BEGIN OPENSSH PRIVATE KEY-----\n!!\n-----END OPENSSH PRIVATE KEY-----\n");
  ASSERT_TRUE(key);
  EXPECT_EQ(key->encrypted, std::nullopt);
  EXPECT_EQ(key->type, "");
  EXPECT_EQ(key->length, -1);
}

}  // namespace
}  // namespace osprey::linux
