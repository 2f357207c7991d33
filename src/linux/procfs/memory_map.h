// /proc/PID/maps (proc_pid_maps(5)).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace osprey::linux {

// One mapping; views into its line.
struct MemoryMapping {
  std::string_view start;  // hexadecimal, as printed
  std::string_view end;
  std::string_view permissions;  // "r-xp"
  std::uint64_t offset = 0;      // bytes into the file
  std::string_view device;       // "major:minor" in hexadecimal
  std::uint64_t inode = 0;       // 0 without a file
  std::string_view path;         // to the end of the line, a deleted file's mark with it; "[heap]" and the like
};

// Empty for a line that is none.
std::optional<MemoryMapping> parse_memory_mapping(std::string_view line);

}  // namespace osprey::linux
