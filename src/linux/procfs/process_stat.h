// /proc/PID/stat (proc_pid_stat(5)).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace osprey::linux {

struct ProcessStat {
  std::string name;  // as the process set it: blanks, parentheses and line ends may be in it
  char state = '?';
  std::int64_t parent = 0;
  std::int64_t process_group = 0;
  std::int64_t session = 0;
  std::uint32_t terminal = 0;  // device number in the kernel's packing; 0 for none
  std::uint64_t flags = 0;     // PF_*
  std::uint64_t user_ticks = 0;
  std::uint64_t system_ticks = 0;
  std::int64_t nice = 0;
  std::int64_t threads = 0;
  std::uint64_t start_ticks = 0;   // since boot
  std::uint64_t virtual_size = 0;  // bytes; 0 without an address space (kernel threads, zombies)

  bool is_kernel_thread() const noexcept { return flags & 0x00200000; }  // PF_KTHREAD
};

// Empty when the text ends before the fields above.
std::optional<ProcessStat> parse_process_stat(std::string_view text);

}  // namespace osprey::linux
