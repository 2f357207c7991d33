#include <sys/resource.h>

#include "tables/table.h"

namespace osprey::tables {
namespace {

struct Handle {
  std::string_view type;
  rlimit limit;

  static std::string text(rlim_t value) { return value == RLIM_INFINITY ? "unlimited" : std::to_string(value); }
  std::string soft() const { return text(limit.rlim_cur); }
  std::string hard() const { return text(limit.rlim_max); }
};

Rows<Handle> scan(const Scan& scan) {
  static constexpr struct {
    std::string_view type;
    __rlimit_resource resource;
  } kLimits[] = {
      {"as", RLIMIT_AS},           {"core", RLIMIT_CORE},
      {"cpu", RLIMIT_CPU},         {"data", RLIMIT_DATA},
      {"fsize", RLIMIT_FSIZE},     {"locks", RLIMIT_LOCKS},
      {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE},
      {"nice", RLIMIT_NICE},       {"nofile", RLIMIT_NOFILE},
      {"nproc", RLIMIT_NPROC},     {"rss", RLIMIT_RSS},
      {"rtprio", RLIMIT_RTPRIO},   {"sigpending", RLIMIT_SIGPENDING},
      {"stack", RLIMIT_STACK},
  };
  for (const auto& [type, resource] : kLimits) {
    Handle handle{type, {}};
    if (::getrlimit(resource, &handle.limit) == 0)
      co_yield handle;
    else
      scan.warn(system_failure(std::string(type)).error());
  }
}

}  // namespace

Table ulimit_info() {
  return table("ulimit_info", "Resource limits of the agent itself.", scan)
      .column("type", TEXT, &Handle::type, "What is limited, by its name in limits.conf(5).")
      .column("soft_limit", TEXT, &Handle::soft, "The limit in force, in the unit of getrlimit(2), or unlimited.")
      .column("hard_limit", TEXT, &Handle::hard, "How far the soft limit may be raised, or unlimited.")
      .host_only()
      .example("SELECT soft_limit FROM ulimit_info WHERE type = 'nofile'");
}

}  // namespace osprey::tables
