#include "linux/procfs/process_status.h"

#include "base/text.h"

namespace osprey::linux {
namespace {

// "real effective saved filesystem"
std::optional<ProcessStatus::Ids> parse_ids(std::string_view text) {
  const auto real = parse<std::uint32_t>(take_field(text));
  const auto effective = parse<std::uint32_t>(take_field(text));
  const auto saved = parse<std::uint32_t>(take_field(text));
  const auto filesystem = parse<std::uint32_t>(take_field(text));
  if (!real || !effective || !saved || !filesystem) return std::nullopt;
  return ProcessStatus::Ids{*real, *effective, *saved, *filesystem};
}

// "1776 kB", where a kB is 1024 bytes.
std::optional<std::uint64_t> parse_size(std::string_view text) {
  const auto kilobytes = parse<std::uint64_t>(take_field(text));
  if (!kilobytes || *kilobytes > UINT64_MAX / 1024) return std::nullopt;
  return *kilobytes * 1024;
}

}  // namespace

ProcessStatus parse_process_status(std::string_view text) {
  ProcessStatus status;
  for (auto line : Lines(text)) {
    const auto key = take_until(line, ':');
    if (key == "Uid") {
      status.users = parse_ids(line);
    } else if (key == "Gid") {
      status.groups = parse_ids(line);
    } else if (key == "NSpid") {
      for (auto field = take_field(line); !field.empty(); field = take_field(line))
        status.namespace_pid = parse<std::int64_t>(field);
    } else if (key == "VmRSS") {
      status.resident_size = parse_size(line);
    } else if (key == "VmSwap") {
      status.swapped_size = parse_size(line);
    } else if (key == "Threads") {
      break;  // nothing of the above comes after it
    }
  }
  return status;
}

}  // namespace osprey::linux
