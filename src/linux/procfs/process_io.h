// /proc/PID/io (proc_pid_io(5)).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace osprey::linux {

// Bytes that the process caused to move to and from storage.
struct ProcessIo {
  std::int64_t read_bytes = 0;
  std::int64_t written_bytes = 0;  // without those that were dropped from the page cache before they got there
};

// Empty where one of the three numbers behind it is missing.
std::optional<ProcessIo> parse_process_io(std::string_view text);

}  // namespace osprey::linux
