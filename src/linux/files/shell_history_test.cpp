#include "linux/files/shell_history.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace osprey::linux {
namespace {

std::vector<HistoryEntry> parse(HistoryFormat format, std::string_view text) {
  HistoryParser parser(format);
  std::vector<HistoryEntry> entries;
  for (const auto line : Lines(text))
    if (auto entry = parser.line(line)) entries.push_back(std::move(*entry));
  if (auto entry = parser.end()) entries.push_back(std::move(*entry));
  return entries;
}

std::string as_text(const std::vector<HistoryEntry>& entries) {
  std::string text;
  for (const auto& entry : entries) text += std::to_string(entry.time) + " " + entry.command + "|";
  return text;
}

TEST(ShellHistory, BashWithAndWithoutTimes) {
  EXPECT_EQ(as_text(parse(HistoryFormat::shell, "ls\n#1700000000\ncd /tmp\n\n#comment\n#12 x\npwd")),
            "0 ls|1700000000 cd /tmp|0 #comment|0 #12 x|0 pwd|");
}

TEST(ShellHistory, ANumberAfterATimeIsTheCommand) {
  EXPECT_EQ(as_text(parse(HistoryFormat::shell, "#1700000000\n#123\nls\n")), "1700000000 #123|0 ls|");
  EXPECT_EQ(as_text(parse(HistoryFormat::shell, "#99999999999999999999\n")), "0 #99999999999999999999|");
}

TEST(ShellHistory, ZshExtended) {
  EXPECT_EQ(as_text(parse(HistoryFormat::zsh, ": 1700000001:12;make -j2\n: x:0;no\nplain\n:1:2;a;b\n")),
            "1700000001 make -j2|0 : x:0;no|0 plain|1 a;b|");
}

TEST(ShellHistory, ZshEscapesBytes) {
  // U+00E3 is C3 A3; zsh writes A3 as 83 83.
  EXPECT_EQ(as_text(parse(HistoryFormat::zsh, "echo \xC3\x83\x83\n")), "0 echo \xC3\xA3|");
  EXPECT_EQ(as_text(parse(HistoryFormat::zsh, "end \x83\n")), "0 end \x83|");
}

TEST(ShellHistory, KshMarksAndNuls) {
  EXPECT_EQ(as_text(parse(HistoryFormat::shell, std::string_view("\x81\x01ls\n\0pwd\n\0", 11))), "0 ls|0 pwd|");
}

TEST(ShellHistory, Libedit) {
  EXPECT_EQ(as_text(parse(HistoryFormat::plain, "_HiStOrY_V2_\nselect\\0401;\nback\\\\slash\\\n")),
            "0 select 1;|0 back\\slash\\|");
  EXPECT_EQ(as_text(parse(HistoryFormat::plain, "print('\\040')\n#123\n")), "0 print('\\040')|0 #123|");
}

TEST(ShellHistory, Fish) {
  EXPECT_EQ(as_text(parse(HistoryFormat::fish,
                          "- cmd: ls -l\n  when: 1700000002\n  paths:\n    - /tmp\n"
                          "- cmd: echo a\\nb \\\\ c\n- cmd: last\n  when: never\n")),
            "1700000002 ls -l|0 echo a\nb \\ c|0 last|");
}

TEST(ShellHistory, Less) {
  EXPECT_EQ(
      as_text(parse(HistoryFormat::less, ".less-history-file:\n.search\n\"error\n.shell\n\"id\n.mark\nm a 1 2 /f\n")),
      "0 /error|0 !id|");
}

std::string off(std::string_view script, HistoryVariables variables) {
  HistorySwitches switches(variables);
  switches.read("rc", script);
  return switches.off().value_or("");
}

TEST(HistorySwitches, WhatSwitchesItOff) {
  constexpr HistoryVariables kBash{
      .file = "HISTFILE", .unset_means_off = true, .size = "HISTSIZE", .file_size = "HISTFILESIZE", .set_o = true};
  EXPECT_EQ(off("# x\nunset HISTFILE\n", kBash), "rc:2: unset HISTFILE");
  EXPECT_EQ(off("cd; export HISTFILE=/dev/null; ls", kBash), "rc:1: export HISTFILE=/dev/null");
  EXPECT_EQ(off("declare -x HISTSIZE='0'", kBash), "rc:1: declare -x HISTSIZE='0'");
  EXPECT_EQ(off("[ -n x ] && set +o history", kBash), "rc:1: set +o history");
  EXPECT_EQ(off("HISTFILE=\n", kBash), "rc:1: HISTFILE=");
  EXPECT_EQ(off("LANG=C HISTSIZE=0 # off", kBash), "rc:1: LANG=C HISTSIZE=0");
}

TEST(HistorySwitches, NothingElseOfTheLineIsTold) {
  EXPECT_EQ(off("export HISTSIZE=0 TOKEN=secret", {.size = "HISTSIZE"}), "rc:1: export HISTSIZE=0");
  EXPECT_EQ(off("unset HISTFILE secret", {.file = "HISTFILE", .unset_means_off = true}), "rc:1: unset HISTFILE");
}

TEST(HistorySwitches, WhatDoesNot) {
  constexpr HistoryVariables kBash{.file = "HISTFILE", .unset_means_off = true, .size = "HISTSIZE", .set_o = true};
  EXPECT_EQ(off("# unset HISTFILE\nHISTSIZE=1000\nHISTFILE=~/.h\nset -o vi\nunset FOO\nMYHISTSIZE=0", kBash), "");
  EXPECT_EQ(off("HISTSIZE=0\nHISTSIZE=500\n", kBash), "");
  EXPECT_EQ(off("HISTFILE=/dev/null HISTSIZE=0 bash", kBash), "");
  EXPECT_EQ(off("unset LESSHISTFILE", {.file = "LESSHISTFILE"}), "");
  EXPECT_EQ(off("set +o history\n=\nunset\nexport\n", {}), "");
}

TEST(HistorySwitches, ALaterFileMayTakeItBack) {
  HistorySwitches switches({.size = "HISTSIZE"});
  switches.read("/etc/profile", "HISTSIZE=0");
  EXPECT_EQ(switches.off(), "/etc/profile:1: HISTSIZE=0");
  switches.read(".bashrc", "HISTSIZE=1000");
  EXPECT_EQ(switches.off(), std::nullopt);
}

}  // namespace
}  // namespace osprey::linux
