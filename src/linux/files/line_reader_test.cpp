#include "linux/files/line_reader.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/temporary_tree.h"

namespace osprey::linux {
namespace {

class LinesOfAFile : public TemporaryTree {
 protected:
  std::vector<std::string> lines_of(const std::string& bytes) {
    write("file", bytes);
    auto reader = LineReader::open(root(), "/file");
    std::vector<std::string> lines;
    for (;;) {
      const auto line = reader->next(Interrupt::never());
      EXPECT_TRUE(line);
      if (!line || !*line) break;
      lines.emplace_back(**line);
    }
    cut_ = reader->cut();
    return lines;
  }

  std::size_t cut_ = 0;
};

TEST_F(LinesOfAFile, LineEnds) {
  EXPECT_EQ(lines_of("a\n\nb\r\nc"), (std::vector<std::string>{"a", "", "b", "c"}));
  EXPECT_EQ(lines_of("a\n"), (std::vector<std::string>{"a"}));
  EXPECT_TRUE(lines_of("").empty());
  EXPECT_EQ(lines_of(std::string("a\0b\n", 4)), (std::vector<std::string>{std::string("a\0b", 3)}));
}

TEST_F(LinesOfAFile, LongLinesAreCutAndTheNextOnesAreWhole) {
  constexpr auto kCap = LineReader::kLineCap;
  const auto whole = std::string(kCap, 'w');
  const auto lines = lines_of(whole + "\n" + std::string(5 * kCap + 3, 'l') + "\nnext\n" + std::string(kCap + 1, 'e'));
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0], whole);
  EXPECT_EQ(lines[1], std::string(kCap, 'l'));
  EXPECT_EQ(lines[2], "next");
  EXPECT_EQ(lines[3], std::string(kCap, 'e'));
  EXPECT_EQ(cut_, 2u);
}

TEST_F(LinesOfAFile, ManyLinesOverBlocks) {
  std::string bytes;
  for (int i = 0; i < 50000; ++i) bytes += "line " + std::to_string(i) + "\n";
  const auto lines = lines_of(bytes);
  ASSERT_EQ(lines.size(), 50000u);
  EXPECT_EQ(lines[49999], "line 49999");
}

TEST_F(LinesOfAFile, WhatIsNoRegularFileIsRefused) {
  ASSERT_EQ(::mkfifo((top / "fifo").c_str(), 0600), 0);
  const auto tree = root();
  EXPECT_FALSE(LineReader::open(tree, "/fifo"));
  EXPECT_TRUE(LineReader::open(tree, "/absent").error().absent());
}

}  // namespace
}  // namespace osprey::linux
