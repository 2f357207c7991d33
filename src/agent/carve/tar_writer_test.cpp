#include "agent/carve/tar_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/text.h"

namespace osprey::agent {
namespace {

using testing::HasSubstr;

class TarWriterTest : public testing::Test {
 public:
  void add(std::string_view name, std::string_view bytes) {
    ASSERT_TRUE(writer_.begin(name, facts_, bytes.size()));
    ASSERT_TRUE(writer_.add(bytes));
    ASSERT_TRUE(writer_.end());
  }
  std::string field(std::size_t block, std::size_t where, std::size_t size) const {
    const auto text = tar_.substr(block * 512 + where, size);
    return text.substr(0, text.find('\0'));
  }

  std::string tar_;
  struct stat facts_ = [] {
    struct stat made{};
    made.st_mode = S_IFREG | 0644;
    made.st_mtim = {1795329469, 62616000};
    made.st_atim = {1795329469, 62616000};
    made.st_ctim = {1795329540, 366775518};
    return made;
  }();
  TarWriter writer_{[this](std::string_view bytes) -> Result<void> {
    tar_ += bytes;
    return {};
  }};
};

// The fields of the first entry that osquery sent (recordings/wire/carve.jsonl, session-2).
TEST_F(TarWriterTest, IsLaidOutAsOsquerysCarves) {
  constexpr std::string_view kDirectory = "/tmp/osquery_carve_ce04de42-7cb2-4480-bdf8-f5012c822d99/etc/carve-dir/";
  add(std::string(kDirectory) + "a", "one\n");
  EXPECT_EQ(tar_.size(), 4 * 512U);
  EXPECT_EQ(field(0, 0, 100), std::string(kDirectory) + "PaxHeader/a");
  EXPECT_EQ(tar_.substr(100, 57), std::string_view("000644 \0"
                                                   "000000 \0"
                                                   "000000 \0"
                                                   "00000000124 15300506675 024464\0 x",
                                                   57));
  EXPECT_EQ(tar_.substr(257, 8), std::string_view("ustar\0"
                                                  "00",
                                                  8));
  EXPECT_EQ(tar_.substr(329, 16), std::string_view("000000 \0"
                                                   "000000 \0",
                                                   16));
  EXPECT_EQ(field(1, 0, 512),
            "30 ctime=1795329540.366775518\n27 atime=1795329469.062616\n27 mtime=1795329469.062616\n");
  EXPECT_EQ(field(2, 0, 100), std::string(kDirectory) + "a");
  EXPECT_EQ(tar_.substr(1024 + 100, 57), std::string_view("000644 \0"
                                                          "000000 \0"
                                                          "000000 \0"
                                                          "00000000004 15300506675 022510\0 0",
                                                          57));
  EXPECT_EQ(field(3, 0, 512), "one\n");
  ASSERT_TRUE(writer_.finish());
  EXPECT_EQ(tar_.substr(4 * 512), std::string(1024, '\0'));
}

TEST_F(TarWriterTest, LongNamesAreSplitOrGoIntoTheExtendedHeader) {
  const std::string folder(120, 'd');
  add("/" + folder + "/file", "");
  EXPECT_EQ(field(2, 0, 100), "file");
  EXPECT_EQ(field(2, 345, 155), "/" + folder);
  tar_.clear();
  const std::string name(130, 'n');
  add("/etc/" + name, "");
  EXPECT_EQ(field(2, 0, 100), "/etc/" + std::string(95, 'n'));
  EXPECT_THAT(field(1, 0, 512), HasSubstr("145 path=/etc/" + name + "\n"));
}

TEST_F(TarWriterTest, LargeNumbersGoIntoTheExtendedHeader) {
  facts_.st_uid = 4'000'000'000;
  facts_.st_mtim = {-5, 0};
  ASSERT_TRUE(writer_.begin("/f", facts_, 10'000'000'000));
  EXPECT_THAT(field(1, 0, 512), HasSubstr("18 uid=4000000000\n20 size=10000000000\n"));
  EXPECT_THAT(field(1, 0, 512), HasSubstr("mtime=-5\n"));
}

TEST_F(TarWriterTest, WhatIsMissingOfAnEntryIsZeros) {
  ASSERT_TRUE(writer_.begin("/f", facts_, 600));
  ASSERT_TRUE(writer_.add("abc"));
  EXPECT_EQ(writer_.left(), 597U);
  ASSERT_TRUE(writer_.end());
  EXPECT_EQ(tar_.size(), 5 * 512U);
}

}  // namespace
}  // namespace osprey::agent
