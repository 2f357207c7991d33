#include "linux/files/sudoers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temporary_tree.h"

namespace osprey::linux {
namespace {

using testing::ElementsAre;

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  for (const auto& line : parse_sudoers(text)) lines.push_back(line.header + "|" + line.details);
  return lines;
}

TEST(Sudoers, HeaderAndDetails) {
  EXPECT_THAT(
      lines_of("# comment\n\nDefaults\tenv_reset\nroot  ALL=(ALL:ALL)   ALL\r\n%sudo ALL=(ALL) NOPASSWD: ALL # x\n"),
      ElementsAre("Defaults|env_reset", "root|ALL=(ALL:ALL)   ALL", "%sudo|ALL=(ALL) NOPASSWD: ALL # x"));
}

TEST(Sudoers, ContinuedLines) {
  EXPECT_THAT(lines_of("User_Alias ADMINS = a, \\\n   b, \\\n\n c\nalone\\\n x\nlast \\"),
              ElementsAre("User_Alias|ADMINS = a, b, c", "alone|x", "last|\\"));
}

TEST(Sudoers, IncludesAndUserIdsAreNoComments) {
  EXPECT_THAT(
      lines_of("#includedir /etc/sudoers.d\n@include  x\n#include\n@includedir\n#1000 ALL=(ALL) ALL\n#1000\n# 1 2\n"),
      ElementsAre("#includedir|/etc/sudoers.d", "@include|x", "#1000|ALL=(ALL) ALL"));
}

TEST(Sudoers, HugeLinesAndNuls) {
  EXPECT_EQ(parse_sudoers(std::string(1 << 16, 'a') + " b").at(0).details, "b");
  EXPECT_THAT(lines_of(std::string("a\0b c\n", 6)), ElementsAre(std::string("a\0b|c", 5)));
}

class SudoersFiles : public TemporaryTree {
 protected:
  // "source header" of each rule; what went wrong in errors_.
  std::vector<std::string> read() {
    std::vector<std::string> rules;
    const auto found = read_sudoers(root(), "/etc/sudoers", Interrupt::never(),
                                    [&](const Error& error) { errors_.push_back(error.text()); });
    for (const auto& rule : found) rules.push_back(rule.source + " " + rule.line.header);
    return rules;
  }

  std::vector<std::string> errors_;
};

TEST_F(SudoersFiles, FoldersAndRelativeFiles) {
  write("etc/sudoers", "a x\n@includedir sudoers.d\n#include \"/etc/with blank\"\n@include by\\ host.%h\nz x\n");
  write("etc/hostname", "web.example.test\n");
  write("etc/sudoers.d/10-b", "b x\n");
  write("etc/sudoers.d/20.off", "off x\n");
  write("etc/sudoers.d/30~", "off x\n");
  write("etc/with blank", "c x\n");
  write("etc/by host.web", "d x\n");
  EXPECT_THAT(read(), ElementsAre("/etc/sudoers a", "/etc/sudoers @includedir", "/etc/sudoers.d/10-b b",
                                  "/etc/sudoers #include", "/etc/with blank c", "/etc/sudoers @include",
                                  "/etc/by host.web d", "/etc/sudoers z"));
  EXPECT_TRUE(errors_.empty());
}

TEST_F(SudoersFiles, LoopsEnd) {
  write("etc/sudoers", "@include other\n");
  write("etc/other", "@include sudoers\n@includedir .\nb x\n");
  EXPECT_THAT(read(),
              ElementsAre("/etc/sudoers @include", "/etc/other @include", "/etc/other @includedir", "/etc/other b"));
  EXPECT_FALSE(errors_.empty());
}

TEST_F(SudoersFiles, AFolderOfFilesThatIncludeItIsBounded) {
  write("etc/sudoers", "@includedir /etc/sudoers.d\n");
  for (int i = 0; i < 8; ++i) write("etc/sudoers.d/" + std::to_string(i), "@includedir /etc/sudoers.d\n");
  EXPECT_LE(read().size(), 1100u);
}

TEST_F(SudoersFiles, AbsentFiles) {
  EXPECT_TRUE(read().empty());
  write("etc/sudoers", "@include gone\n@includedir gone.d\n");
  EXPECT_EQ(read().size(), 2u);
}

}  // namespace
}  // namespace osprey::linux
