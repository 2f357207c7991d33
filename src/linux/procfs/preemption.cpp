#include "linux/procfs/preemption.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/text.h"

namespace osprey::linux {
namespace {

// Of a mode's name; empty: it is none.
std::optional<bool> by_mode(std::string_view mode) {
  if (mode == "none" || mode == "voluntary") return false;
  if (mode == "full" || mode == "lazy") return true;
  return std::nullopt;
}

// "none voluntary (full) lazy"
std::optional<bool> by_debugfs(const Root& root) {
  auto text = root.read_trimmed("/sys/kernel/debug/sched/preempt").value_or("");
  std::string_view rest = text;
  take_until(rest, '(');
  return by_mode(take_until(rest, ')'));
}

// "#1 SMP PREEMPT_DYNAMIC Debian 6.1.55-1 (2023-09-29)", "#1 SMP PREEMPT(full)".
std::optional<bool> by_version(const Root& root) {
  const auto version = root.read_trimmed("/proc/sys/kernel/version").value_or("PREEMPT_DYNAMIC");
  std::optional<bool> told = false;
  for (auto word : fields(version)) {
    if (word == "PREEMPT" || word == "PREEMPT_RT") return true;
    if (!word.starts_with("PREEMPT")) continue;
    take_until(word, '(');
    told = by_mode(take_until(word, ')'));
  }
  return told;
}

std::optional<bool> by_command_line(const Root& root) {
  const auto line = root.read_trimmed("/proc/cmdline").value_or("");
  std::optional<bool> told;
  for (const auto word : fields(line))
    if (word.starts_with("preempt=")) told = by_mode(word.substr(8));
  return told;
}

std::optional<bool> by_configuration(const Root& root) {
  const auto release = root.read_trimmed("/proc/sys/kernel/osrelease").value_or("");
  const auto configuration = root.read(fmt::format("/boot/config-{}", release));
  if (!configuration) return std::nullopt;
  for (const auto line : Lines(configuration->bytes))
    if (line == "CONFIG_PREEMPT_NONE=y" || line == "CONFIG_PREEMPT_VOLUNTARY=y") return false;
  return std::nullopt;
}

}  // namespace

bool preempts_itself(const Root& root) {
  for (const auto& ask : {by_debugfs, by_version, by_command_line, by_configuration})
    if (const auto told = ask(root)) return *told;
  return true;
}

}  // namespace osprey::linux
