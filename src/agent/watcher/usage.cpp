#include "agent/watcher/usage.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/root.h"
#include "base/text.h"
#include "linux/procfs/process_stat.h"

namespace osprey::agent {

UsageSample usage_of(pid_t pid) {
  static const auto ticks = ::sysconf(_SC_CLK_TCK);
  static const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  UsageSample sample;
  const auto root = Root::host();
  if (const auto text = root.read(fmt::format("/proc/{}/stat", pid))) {
    if (const auto stat = linux::parse_process_stat(text->bytes))
      sample.cpu =
          std::chrono::milliseconds((stat->user_ticks + stat->system_ticks) * 1000 / static_cast<std::uint64_t>(ticks));
  }
  if (const auto text = root.read(fmt::format("/proc/{}/statm", pid))) {
    std::string_view rest = text->bytes;
    take_field(rest);
    sample.resident_bytes = parse<std::uint64_t>(take_field(rest)).value_or(0) * page;
  }
  return sample;
}

}  // namespace osprey::agent
