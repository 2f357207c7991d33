#include "agent/daemon/agent.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "agent/daemon/pidfile.h"
#include "agent/daemon/worker.h"
#include "agent/logging/status_log.h"
#include "agent/watcher/watcher.h"

namespace osprey::agent {
namespace {

constexpr rlim_t kLeastDescriptors = 1024;

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kLeastDescriptors) return;
  limit.rlim_cur = kLeastDescriptors;
  limit.rlim_max = std::max(limit.rlim_max, kLeastDescriptors);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int run_agent(char* const* arguments, Flags& flags, Program& program, sql::Registry& registry) {
  StatusLog status;
  status.set_levels(levels_of(flags));
  ::openlog(program.name.c_str(), LOG_PID | LOG_CONS, LOG_DAEMON);
  raise_descriptor_limit();

  if (const auto watcher = watcher_of_this_process(); watcher && *watcher == ::getppid()) {
    program.watcher = *watcher;
    return run_worker(flags, program, registry, status);
  }
  if (flags.boolean("daemonize") && ::daemon(0, 0) != 0) {
    status.error(system_failure("daemon").error().text());
    return EXIT_FAILURE;
  }
  std::optional<Pidfile> pidfile;
  if (!flags.boolean("ephemeral")) {
    auto taken = Pidfile::take(std::string(flags.text("pidfile")), flags.boolean("force"));
    if (!taken) {
      status.error(fmt::format("pid file {} (see --pidfile, --force)", taken.error().text()));
      return EXIT_FAILURE;
    }
    pidfile.emplace(std::move(*taken));
  }
  ::syslog(LOG_NOTICE, "%s", fmt::format("{} started [version={}]", program.name, program.version()).c_str());
  if (flags.boolean("disable_watchdog")) return run_worker(flags, program, registry, status);
  return run_watcher(arguments, flags, program, status);
}

}  // namespace osprey::agent
