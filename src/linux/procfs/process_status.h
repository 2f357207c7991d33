// /proc/PID/status (proc_pid_status(5)).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace osprey::linux {

struct ProcessStatus {
  struct Ids {
    std::uint32_t real = 0;
    std::uint32_t effective = 0;
    std::uint32_t saved = 0;
    std::uint32_t filesystem = 0;
  };
  std::optional<Ids> users;
  std::optional<Ids> groups;
  std::optional<std::int64_t> namespace_pid;  // in the innermost pid namespace
  // Bytes; empty without an address space (kernel threads, zombies).
  std::optional<std::uint64_t> resident_size;
  std::optional<std::uint64_t> swapped_size;
};

// What is missing from the text stays empty.
ProcessStatus parse_process_status(std::string_view text);

}  // namespace osprey::linux
