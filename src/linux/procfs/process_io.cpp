#include "linux/procfs/process_io.h"

#include "base/text.h"

namespace osprey::linux {

std::optional<ProcessIo> parse_process_io(std::string_view text) {
  std::optional<std::uint64_t> read, written, cancelled;
  for (auto line : Lines(text)) {
    const auto key = take_until(line, ':');
    const auto value = parse<std::uint64_t>(trim(line));
    if (key == "read_bytes") read = value;
    if (key == "write_bytes") written = value;
    if (key == "cancelled_write_bytes") cancelled = value;
  }
  if (!read || !written || !cancelled) return std::nullopt;
  // A process that truncates what another wrote has more cancelled than written: below zero, as counted.
  return ProcessIo{static_cast<std::int64_t>(*read), static_cast<std::int64_t>(*written - *cancelled)};
}

}  // namespace osprey::linux
