// /proc/cpuinfo (proc_cpuinfo(5)); its keys differ from one architecture to the next.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace osprey::linux {

// One logical processor. Text is empty and numbers are absent where the architecture does not say them.
struct Processor {
  std::string vendor;      // vendor_id: GenuineIntel
  std::string model;       // the model's number
  std::string model_name;  // the model's name for people
  std::string microcode;
  std::optional<std::int64_t> package;   // physical id
  std::optional<std::int64_t> core;      // core id, within its package
  std::optional<std::int64_t> cores;     // cpu cores, of its package
  std::optional<std::int64_t> siblings;  // logical processors of its package
  std::optional<double> megahertz;       // now
  std::optional<bool> long_mode;         // x86: whether it can run 64-bit programs
};

std::vector<Processor> parse_cpuinfo(std::string_view text);

}  // namespace osprey::linux
