// One scan as tables and events tell of it: every set of rules that is asked for, over one file or process.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/interrupt.h"
#include "base/result.h"
#include "base/root.h"
#include "linux/files/io_budget.h"
#include "linux/yara/yara_rule_sets.h"

namespace osprey::linux {

struct YaraReport {
  std::string matches;  // names of rules, separated by commas
  std::uint64_t count = 0;
  std::string strings;
  std::string tags;
  double seconds = 0;
  bool scanned = true;
  std::string skipped;  // why it was not scanned, or what of it was not

  void add(const YaraFinds& finds);
  // Not scanned, or only in part: tells why.
  void skip(std::string_view reason);
};

// With what is scanned, and for how long.
struct YaraScans {
  YaraScanner& scanner;
  IoBudget* budget = nullptr;  // may be null
  std::uint64_t largest_file = 50 << 20;
  std::chrono::seconds timeout{10};  // for each set
  const Interrupt& interrupt = Interrupt::never();
};

// A set to scan with, and whether the places of its strings are told.
struct AskedYaraSet {
  YaraRuleSetPtr set;
  bool strings = true;
};

// Scans a regular file. What keeps it from being scanned stands in the report's `skipped`; an error: it is absent, or
// the scan was interrupted.
Result<YaraReport> scan_file(const YaraScans& scans, const Root& root, std::string_view path,
                             std::span<const AskedYaraSet> sets);
// The same of a file that is open.
Result<YaraReport> scan_open_file(const YaraScans& scans, int file, std::string_view path,
                                  std::span<const AskedYaraSet> sets);
// Scans the memory of a process of the host. absent(): it has ended, meanwhile perhaps, or has no memory of its own.
Result<YaraReport> scan_process(const YaraScans& scans, pid_t pid, std::span<const AskedYaraSet> sets);

}  // namespace osprey::linux
