#include "linux/packages/rpm_header.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace osprey::linux {
namespace {

std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
  return bytes;
}
std::string entry(RpmTag tag, std::uint32_t type, std::uint32_t offset, std::uint32_t count) {
  return big_endian(static_cast<std::uint32_t>(tag)) + big_endian(type) + big_endian(offset) + big_endian(count);
}
std::string record(const std::string& index, const std::string& data) {
  return big_endian(static_cast<std::uint32_t>(index.size() / 16)) +
         big_endian(static_cast<std::uint32_t>(data.size())) + index + data;
}

TEST(RpmHeader, TextsAndNumbers) {
  const std::string data("bash\0one\0two\0\1\2\3\4\0\0\0\1\0\0\0\2\7", 26);
  const auto bytes = record(entry(RpmTag::name, 6, 0, 1) + entry(RpmTag::group, 9, 5, 2) +
                                entry(RpmTag::epoch, 4, 13, 1) + entry(RpmTag::long_size, 5, 17, 1) +
                                entry(RpmTag::rsa_signature, 7, 13, 4) + entry(RpmTag::vendor, 6, 25, 1),
                            data);
  const auto header = RpmHeader::parse(bytes).value();
  EXPECT_EQ(header.text(RpmTag::name), "bash");
  EXPECT_EQ(header.text(RpmTag::group), "one");
  EXPECT_EQ(header.number(RpmTag::epoch), 0x01020304u);
  EXPECT_EQ(header.size(), 0x100000002u);
  EXPECT_EQ(header.bytes(RpmTag::rsa_signature), "\1\2\3\4");
  EXPECT_EQ(header.text(RpmTag::vendor), std::nullopt) << "no NUL before the end";
  EXPECT_EQ(header.text(RpmTag::arch), std::nullopt);
  EXPECT_EQ(header.text(RpmTag::epoch), std::nullopt) << "of another type";
  EXPECT_EQ(header.number(RpmTag::name), std::nullopt);
}

TEST(RpmHeader, TheLastEntryOfATagCounts) {
  const auto bytes = record(entry(RpmTag::name, 6, 0, 1) + entry(RpmTag::name, 6, 2, 1), std::string("a\0b\0", 4));
  EXPECT_EQ(RpmHeader::parse(bytes)->text(RpmTag::name), "b");
}

TEST(RpmHeader, OffsetsAndCountsThatLie) {
  const auto far = record(entry(RpmTag::name, 6, 0xffffffff, 1) + entry(RpmTag::epoch, 4, 2, 1) +
                              entry(RpmTag::rsa_signature, 7, 0, 0xffffffff) + entry(RpmTag::vendor, 6, 0, 0),
                          "abcd");
  const auto header = RpmHeader::parse(far).value();
  EXPECT_EQ(header.text(RpmTag::name), std::nullopt);
  EXPECT_EQ(header.number(RpmTag::epoch), std::nullopt);
  EXPECT_EQ(header.bytes(RpmTag::rsa_signature), std::nullopt);
  EXPECT_EQ(header.text(RpmTag::vendor), std::nullopt);
  EXPECT_FALSE(RpmHeader::parse(""));
  EXPECT_FALSE(RpmHeader::parse(big_endian(0xffffffff) + big_endian(0)));
  EXPECT_FALSE(RpmHeader::parse(big_endian(0) + big_endian(1)));
  EXPECT_TRUE(RpmHeader::parse(big_endian(0) + big_endian(0)));
}

std::string bytes(std::string_view digits) {
  std::string out;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    out += static_cast<char>(*parse<unsigned>(digits.substr(i, 2), 16));
  return out;
}

TEST(OpenPgp, IssuerOfASignature) {
  // Version 4, old packet head with two bytes of length: fingerprint hashed, key id not hashed.
  const auto v4 = bytes(
      "890149"
      "0400010a0033"
      "162104"
      "73f798c62c90f8644e89b79f4c71287e00d8edeb"
      "0502"
      "6b02a0cf"
      "1519"
      "666978747572654065786d61706c652e746573742020"
      "00"
      "000a0910"
      "4c71287e00d8edeb");
  EXPECT_EQ(openpgp_issuer(v4), "4c71287e00d8edeb");
  const auto only_unhashed = bytes(
      "c213"
      "0400010a0000"
      "000a0910"
      "0011223344556677"
      "abcd");
  EXPECT_EQ(openpgp_issuer(only_unhashed), "0011223344556677");
  const auto v3 = bytes(
      "8812"
      "0305004f000000"
      "0011223344556677"
      "110200");
  EXPECT_EQ(openpgp_issuer(v3), "0011223344556677");
}

TEST(OpenPgp, WhatIsNoSignature) {
  for (const auto* digits : {"", "89", "8901", "890149", "8901490400010affff", "890149040001", "7f00", "c2ff0000",
                             "c21304000100000002ff", "99010d04", "c20704000100000000"})
    EXPECT_EQ(openpgp_issuer(bytes(digits)), std::nullopt) << digits;
}

}  // namespace
}  // namespace osprey::linux
