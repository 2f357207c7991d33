// YaraRuleSets: rules by name, compiled once and kept until their files change.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/interrupt.h"
#include "base/root.h"
#include "linux/files/digest_cache.h"
#include "linux/yara/yara_helpers.h"

namespace osprey::linux {

enum class YaraRuleSource : std::uint8_t { group, file, text, url };
std::string_view name_of(YaraRuleSource source) noexcept;

// A set as it was compiled.
struct YaraRuleSet {
  std::string name;
  YaraRuleSource source = YaraRuleSource::group;
  std::vector<std::string> paths;                           // of the files it was made of, includes among them
  std::vector<std::shared_ptr<const CompiledYara>> pieces;  // its texts together, then each file compiled elsewhere
  std::string error;                                        // what is not in it and why; a set may be good without it
  std::string sha256;                                       // of the files' bytes, one after another
  std::int64_t loaded_time = 0;                             // Unix seconds

  std::uint64_t rules() const noexcept;
  std::size_t bytes() const noexcept;
  bool compiled() const noexcept { return !pieces.empty(); }

  // Of all scans with it.
  mutable std::atomic<std::uint64_t> matches = 0;
  mutable std::atomic<std::uint64_t> scan_nanoseconds = 0;
};
using YaraRuleSetPtr = std::shared_ptr<const YaraRuleSet>;

// Safe from several threads. Sets beyond the budget are forgotten, the least recently used first.
class YaraRuleSets {
 public:
  static constexpr std::size_t kMostSets = 64;
  static constexpr std::size_t kMostIncluded = 64;  // files that rules of a set include

  // `rules`: where rule files lie, the host's in a program.
  explicit YaraRuleSets(YaraCompiler& compiler, Root rules = Root::host(), std::size_t most_bytes = 64 << 20);

  // Rules of these files: those of `source` group or file that have this name. Relative paths are below `directory`. A
  // file that cannot be read or does not compile is left out, its error told in the set. Read again when one has
  // changed. An error: interrupted, or the helper failed.
  Result<YaraRuleSetPtr> of_files(YaraRuleSource source, std::string_view name, std::span<const std::string> files,
                                  std::string_view directory, const Interrupt& interrupt);
  // Rules of a text, which includes nothing; their name begins with "sigrule".
  Result<YaraRuleSetPtr> of_text(std::string_view text, const Interrupt& interrupt);
  // The same of a text that came from `url`, in place of what came from there before.
  Result<YaraRuleSetPtr> of_fetched(std::string_view url, const std::string& text, const Interrupt& interrupt);
  // What came from `url` less than `age` ago; null: nothing.
  YaraRuleSetPtr fetched(std::string_view url, std::chrono::seconds age);

  // The last one used first.
  std::vector<YaraRuleSetPtr> known() const;
  struct Usage {
    std::size_t bytes = 0, most_bytes = 0;
    std::uint64_t forgotten = 0;  // sets, for want of room
  };
  Usage usage() const;
  // Forgets everything: memory is short.
  void clear();

 private:
  using Versions = std::vector<std::pair<std::string, FileVersion>>;  // of files by path; none: all zero
  struct Entry {
    YaraRuleSetPtr set;
    Versions versions;
    std::chrono::steady_clock::time_point given = std::chrono::steady_clock::now();
  };
  class Making;

  Result<YaraRuleSetPtr> of_content(YaraRuleSource source, std::string_view name, const std::string& text,
                                    const Interrupt& interrupt);
  template <class Same>
  YaraRuleSetPtr find(YaraRuleSource source, std::string_view name, const Same& same);
  void keep(YaraRuleSetPtr set, Versions versions);
  FileVersion version_at(const std::string& path) const;

  YaraCompiler& compiler_;
  const Root rules_;
  const std::size_t most_bytes_;
  std::mutex making_;  // one set at a time, so that none is made twice; taken before mutex_
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // the last one used first
  std::uint64_t forgotten_ = 0;
};

}  // namespace osprey::linux
