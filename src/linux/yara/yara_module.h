// What the module "yara" (libyara) does for the program; opened by base/module.h.
//
// Rules, compiled rules and what is scanned come from strangers, and libyara promises nothing where they are hostile
// (of compiled rules it says so itself): all of this runs in sandboxes, where nothing can be opened.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace osprey::linux {

// A rule file's text. One that is only `included` is compiled where another names it.
struct YaraText {
  std::string_view name;
  std::string_view text;
  bool included = false;
};

struct YaraCompilation {
  enum class Outcome : std::uint8_t { compiled, failed, incomplete };
  Outcome outcome = Outcome::failed;
  std::uint64_t rules = 0;
  std::string bytes;                 // compiled: the rules as libyara saves them
  std::string failed;                // else: name of the text that does not compile; empty: all together do not
  std::string error;                 // failed: why, with lines
  std::vector<std::string> missing;  // incomplete: paths that are included and not there
};

// Part of an address space.
struct MemoryExtent {
  std::uint64_t start = 0;
  std::uint64_t size = 0;

  bool operator==(const MemoryExtent&) const = default;
};

struct YaraMatch {
  std::string rule;
  std::string strings;  // "$a:1f,$b:30": where each string was found, in hexadecimal
  std::string tags;     // separated by commas

  bool operator==(const YaraMatch&) const = default;
};

struct YaraFinds {
  std::vector<YaraMatch> matches;
  std::uint64_t unlisted = 0;  // places of strings that were too many to tell

  bool operator==(const YaraFinds&) const = default;
};

struct YaraScanOptions {
  std::chrono::seconds timeout{10};
  bool strings = true;  // tell where strings were found
};

struct YaraModule {
  static constexpr std::string_view kName = "yara";

  // Before anything else, once.
  Result<void> (*initialize)();
  // The texts as one set of rules: they may use each other's. Their names are paths, and includes are looked for beside
  // the text that they stand in.
  YaraCompilation (*compile)(std::span<const YaraText> texts);
  // Rules as libyara saved them, and how many they are.
  Result<void*> (*load)(std::string_view compiled);
  std::uint64_t (*count)(void* rules);
  void (*unload)(void* rules);
  // The regular file open at `fd`; the memory behind `memory`, a /proc/PID/mem. Offsets in memory are addresses. What
  // of it cannot be read is left out.
  Result<YaraFinds> (*scan_file)(void* rules, int fd, const YaraScanOptions&);
  Result<YaraFinds> (*scan_memory)(void* rules, int memory, std::span<const MemoryExtent>, const YaraScanOptions&);
};

}  // namespace osprey::linux
