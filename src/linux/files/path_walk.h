// Walks over paths: some named one by one, some by pattern. One entry at a time, memory bounded by a directory's size.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/interrupt.h"
#include "base/result.h"
#include "base/root.h"
#include "linux/files/io_budget.h"
#include "linux/files/path_pattern.h"

namespace osprey::linux {

// Names of a directory in byte order, read in batches: one of more than kBatch entries is in order batch by batch.
class DirectoryNames {
 public:
  static constexpr std::size_t kBatch = 65536;
  static constexpr std::size_t kBatchBytes = 2 << 20;

  struct Entry {
    const char* name;    // valid until the next call
    unsigned char type;  // DT_* of readdir(3)
  };
  // Forgets what was read and starts on the directory open at `fd`, which must stay so.
  void start(int fd);
  // A list of this one name, without a directory read.
  void start_with(std::string_view name);
  // Empty at the end.
  Result<std::optional<Entry>> next();

 private:
  struct Name {
    std::uint64_t key;     // the first eight bytes, so that most comparisons look no further
    std::uint32_t offset;  // of the type byte in `bytes_`, the name behind it
  };
  Result<void> read_batch();

  int fd_ = -1;
  bool ended_ = true;
  std::string bytes_;
  std::vector<Name> names_;
  std::size_t next_ = 0;
};

// Entries come in a stable order: depth first, by name within a directory, a directory before what it contains.
//
// Symbolic links to directories are followed, but within a recursion only once each and never back to a directory that
// the walk stands in. A recursion ends 64 levels down. It does not enter what may hang, nor /proc and /sys unless the
// pattern's literal beginning names them.
class PathWalk {
 public:
  static constexpr std::size_t kMaxDepth = 64;

  struct Options {
    PatternDialect dialect = PatternDialect::sql;
    const Interrupt* interrupt = &Interrupt::never();
    IoBudget* budget = nullptr;  // the directories that are opened are taken from it
    // Told what could not be looked at; what has vanished is not reported.
    std::function<void(const Error&)> on_error = [](const Error&) {};
  };
  PathWalk(Root root, Options options) : root_(std::move(root)), options_(std::move(options)) {}

  // What to walk; may be called several times before the first next().
  void add_path(std::string path);
  void add_pattern(std::string_view like);
  // The entries of a directory, and of those that match a pattern.
  void add_directory(std::string path);
  void add_directory_pattern(std::string_view like);

  // Goes to the next entry; false at the end, or when interrupted.
  bool next();

  // Of the entry that next() went to, valid until it is called again.
  std::string_view path() const noexcept { return path_; }
  std::string_view directory() const noexcept;
  std::string_view filename() const noexcept;
  // S_IF* of the entry itself, links not followed; 0 where it cannot be told.
  mode_t type();
  // The entry's own facts, and those of what it leads to: of the link itself where that is missing.
  const Result<struct statx>& own_facts();
  const Result<struct statx>& facts();
  const Root& root() const noexcept { return root_; }

 private:
  struct Task {
    PathPattern pattern;
    bool by_directory = false;     // asked for as what a directory contains: osquery's slash is not added then
    bool directory_slash = false;  // the `directory` of entries is shown with its trailing slash
  };
  struct Level {
    Root::Directory directory;
    std::size_t prefix;     // of path_: this directory with a slash
    std::size_t component;  // that its entries are matched against; past the end: all are wanted
  };

  bool start_task();
  // The next entry of the innermost directory; false when there is none.
  bool take_entry();
  // Whether the entry that was taken is wanted itself, and whether the walk goes on below it.
  struct Verdict {
    bool yield;
    bool descend;
  };
  Verdict judge();
  void descend();
  std::optional<Root::Directory> follow_link(bool recursing);
  void push(Root::Directory directory, std::size_t component);
  void complain(Error error);
  bool leads_to_directory();

  Root root_;
  Options options_;
  std::deque<Task> tasks_;
  Task task_;
  std::vector<Level> levels_;
  std::deque<DirectoryNames> names_;  // by level; kept for their buffers
  std::set<std::pair<std::uint64_t, std::uint64_t>> followed_;
  bool descend_next_ = false;

  std::string path_;
  std::size_t name_start_ = 0;  // of the entry's name in path_; 0 for a path named by itself
  unsigned char entry_type_ = 0;
  std::optional<Result<struct statx>> own_facts_;
  std::optional<Result<struct statx>> facts_;
};

}  // namespace osprey::linux
