#include "linux/sysfs/smbios.h"

#include <gtest/gtest.h>

namespace osprey::linux {
namespace {

using namespace std::string_literals;

TEST(Smbios, FieldsAndStrings) {
  const auto table = "\x01\x08\x34\x12\x01\x02\x03\x00"s + "Vendor\0 Model \0\0"s + "\x02\x06\x01\x00\xcd\xab"s +
                     "\0\0"s + "\x7f\x04\xff\xff\0\0"s + "\x01\x04\x00\x00\0\0"s;
  const auto structures = parse_smbios(table);
  ASSERT_EQ(structures.size(), 3u);
  EXPECT_EQ(structures[0].type, 1);
  EXPECT_EQ(structures[0].handle, 0x1234);
  EXPECT_EQ(structures[0].string(4), "Vendor");
  EXPECT_EQ(structures[0].string(5), "Model");
  EXPECT_EQ(structures[0].string(6), std::nullopt);  // number 3 of 2
  EXPECT_EQ(structures[0].string(7), std::nullopt);  // number 0
  EXPECT_EQ(structures[0].string(8), std::nullopt);  // beyond the structure
  EXPECT_EQ(structures[1].word(4), 0xabcd);
  EXPECT_EQ(structures[1].word(5), std::nullopt);
  EXPECT_TRUE(structures[1].strings.empty());
  EXPECT_EQ(structures[2].type, 127);
}

TEST(Smbios, LengthsThatPointOutside) {
  EXPECT_TRUE(parse_smbios("\x01\xff\x00\x00\0\0"s).empty());
  EXPECT_TRUE(parse_smbios("\x01\x03\x00\x00\0\0"s).empty());
  EXPECT_TRUE(parse_smbios("\x01\x04"s).empty());
  const auto unended = "\x01\x05\x00\x00\x01unended"s;
  const auto cut = parse_smbios(unended);
  ASSERT_EQ(cut.size(), 1u);
  EXPECT_EQ(cut[0].string(4), "unended");
}

}  // namespace
}  // namespace osprey::linux
