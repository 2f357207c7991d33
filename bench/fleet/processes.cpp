#include "fleet/processes.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace osprey::fleet {
namespace {

void add_family(pid_t pid, std::vector<pid_t>& family) {
  family.push_back(pid);
  std::error_code error;
  for (const auto& task : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid), error)) {
    std::ifstream children(task.path() / "children");
    for (pid_t child = 0; children >> child;) add_family(child, family);
  }
}

double cpu_seconds(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string text;
  std::getline(file, text);
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;  // up to utime
  double ticks = 0, each = 0;
  for (int i = 0; i < 4 && fields >> each; ++i) ticks += each;
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

Cost cost_of(std::span<const pid_t> roots) {
  std::vector<pid_t> family;
  for (const pid_t root : roots) add_family(root, family);
  Cost cost;
  for (const pid_t pid : family) {
    cost.cpu_seconds += cpu_seconds(pid);
    std::ifstream rollup(fmt::format("/proc/{}/smaps_rollup", pid));
    for (std::string line; std::getline(rollup, line);) {
      std::istringstream fields(line);
      std::string name;
      std::uint64_t kib = 0;
      fields >> name >> kib;
      if (name == "Pss:") cost.pss += kib << 10;
      if (name == "Rss:") cost.rss += kib << 10;
    }
    ++cost.processes;
  }
  return cost;
}

}  // namespace osprey::fleet
