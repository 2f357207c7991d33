// What users typed: the history files of shells and of other programs with a prompt, and how they are switched off.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace osprey::linux {

enum class HistoryFormat : std::uint8_t {
  shell,  // a command a line; bash's "#TIME" line before it, zsh's ": TIME:DURATION;" in front of it
  zsh,    // as shell, with zsh's own escape of bytes
  plain,  // a command a line; libedit's files (first line _HiStOrY_V2_) escape bytes as \ooo
  fish,   // "- cmd:" and "when:" lines
  less,   // searches and shell commands, under .search and .shell lines
};

struct HistoryEntry {
  std::int64_t time = 0;  // seconds since 1970; 0 where the file has none
  std::string command;
};

// Fed the lines of a file one after the other; a command may come out with a later line, or at the end.
class HistoryParser {
 public:
  explicit HistoryParser(HistoryFormat format) : format_(format) {}
  std::optional<HistoryEntry> line(std::string_view line);
  std::optional<HistoryEntry> end();

 private:
  std::optional<HistoryEntry> shell_line(std::string_view line);
  std::optional<HistoryEntry> plain_line(std::string_view line);
  std::optional<HistoryEntry> fish_line(std::string_view line);
  std::optional<HistoryEntry> less_line(std::string_view line);

  HistoryFormat format_;
  bool first_ = true;
  bool escaped_ = false;                 // libedit's file
  char prefix_ = 0;                      // what less's section stands for
  std::optional<std::int64_t> time_;     // of the command to come
  std::optional<HistoryEntry> pending_;  // fish: its time may follow
};

// What of a program's settings counts, in the names of its environment variables; empty names are never met.
struct HistoryVariables {
  std::string_view file;         // off when unset, empty, /dev/null or "-"
  bool unset_means_off = false;  // else the program falls back to its own file
  std::string_view size;         // off when 0
  std::string_view file_size;    // likewise
  bool set_o = false;            // "set +o history" counts
};

// Which statements of a program's start-up files switch its history off. Nothing is evaluated: assignments, unset and
// set are known, each taking the place of earlier ones about the same setting.
class HistorySwitches {
 public:
  explicit HistorySwitches(const HistoryVariables& variables) : variables_(variables) {}
  // To be called in the order in which the program reads its files.
  void read(std::string_view path, std::string_view script);
  // "PATH:LINE: STATEMENT" of one that is in force.
  std::optional<std::string> off() const;

 private:
  HistoryVariables variables_;
  std::vector<std::pair<std::string, std::optional<std::string>>> settings_;
};

}  // namespace osprey::linux
