#include "linux/procfs/sysctl.h"

#include <dirent.h>

#include <algorithm>

#include "base/text.h"

namespace osprey::linux {
namespace {

constexpr std::string_view kTop = "/proc/sys/";
constexpr int kDeepest = 16;  // net/ipv4/conf/IFACE/NAME is 5

struct Walk {
  const Root& root;
  const SysctlFilter& filter;
  const Interrupt& interrupt;
  std::vector<std::string> paths;

  void enter(const std::string& directory, int depth) {
    const auto entries = root.list(std::string(kTop) + directory);
    if (!entries) return;
    for (const auto& entry : *entries) {
      if (interrupt.requested()) return;
      const auto path = directory.empty() ? entry.name : directory + "/" + entry.name;
      if (entry.type == DT_DIR) {
        if (depth < kDeepest && path != "fs/binfmt_misc" && filter.may_hold(sysctl_name(path))) enter(path, depth + 1);
      } else if (entry.type == DT_REG && filter.wanted(sysctl_name(path))) {
        paths.push_back(path);
      }
    }
  }
};

// The key that hides IPv6 addresses and the one that signs TCP fast open's cookies.
bool is_secret(std::string_view path) noexcept {
  return path.ends_with("/stable_secret") || path.ends_with("/tcp_fastopen_key");
}

}  // namespace

std::vector<std::string> list_sysctls(const Root& root, const SysctlFilter& filter, const Interrupt& interrupt) {
  Walk walk{root, filter, interrupt, {}};
  walk.enter("", 0);
  return std::move(walk.paths);
}

Result<std::string> read_sysctl(const Root& root, std::string_view path) {
  if (is_secret(path)) return "(redacted)";
  const auto file = std::string(kTop) + std::string(path);
  constexpr unsigned kReadable = S_IRUSR | S_IRGRP | S_IROTH;
  const auto info = TRY(root.stat(file));
  // Reading vm.stat_refresh makes every processor fold its counters.
  if ((info.stx_mode & kReadable) == 0 || path == "vm/stat_refresh") return system_failure(ENOENT, file);
  auto content = root.read(file);
  if (!content) {
    // A handler may refuse: what was never set, what only root of the initial namespace may know.
    return content.error().denied() ? std::unexpected(content.error()) : system_failure(ENOENT, file);
  }
  return std::string(trim(content->bytes));
}

std::string sysctl_name(std::string_view path) {
  std::string name(path);
  std::ranges::replace(name, '/', '.');
  return name;
}

}  // namespace osprey::linux
