#include <cstddef>
#include <cstdint>
#include <string_view>

#include "events/filters/filter.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace osprey::events;
  auto filter = parse_filter({reinterpret_cast<const char*>(data), size});
  if (!filter) return 0;
  const Filters filters({std::move(*filter)});
  ProcessEvent exec;
  exec.syscall = "execve";
  exec.actor.ids.uid = exec.actor.ids.gid = 0;
  exec.actor.path = exec.filename = "/usr/bin/make";
  exec.actor.cgroup_path = "/system.slice/a";
  exec.executable.inode = 1;
  filters.keeps(&exec);
  UserEvent login;
  login.type = 1112;
  filters.keeps(&login);
  return 0;
}
