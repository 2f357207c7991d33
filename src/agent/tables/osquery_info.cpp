#include <unistd.h>

#include "agent/config/config_manager.h"
#include "agent/daemon/host_identity.h"
#include "agent/program.h"
#include "agent/tables/table.h"
#include "linux/files/host_uuid.h"

namespace osprey::agent::tables {
namespace {

constexpr std::int64_t kPlatformMask = 9;  // osquery's bits for POSIX and Linux

struct Info {
  const Scan& scan;
  const Program& program;
  ConfigurationPtr configuration;  // null where the program has none
  const HostIdentity* identity;    // the agent's, null in the shell

  std::int64_t pid() const { return ::getpid(); }
  std::optional<std::string> uuid() const { return identity ? identity->host_uuid() : linux::host_uuid(scan.root()); }
  const std::string& instance_id() const { return identity ? identity->instance_uuid() : program.instance_id; }
  std::string_view version() const { return program.version(); }
  std::string config_hash() const { return configuration ? configuration->hash : std::string(); }
  bool config_valid() const { return configuration && configuration->valid; }
  std::string_view extensions() const { return "inactive"; }
  std::string_view build_platform() const { return "linux"; }
  std::string_view build_distro() const { return OSPREY_BUILD_DISTRO; }
  std::int64_t start_time() const { return program.start_time; }
  std::int64_t watcher() const { return program.watcher; }
  std::int64_t platform_mask() const { return kPlatformMask; }
};

Rows<Info> scan(const Scan& scan) {
  const auto* program = scan.service<Program>();
  if (!program) co_return;
  const auto* manager = scan.service<ConfigManager>();
  Info info{scan, *program, manager ? manager->current() : nullptr, scan.service<HostIdentity>()};
  co_yield info;
}

}  // namespace

Table osquery_info() {
  return table("osquery_info", "This running program: its process, version and configuration.", scan)
      .column("pid", INTEGER, &Info::pid, "Process id.")
      .column("uuid", TEXT, &Info::uuid, "The host's UUID: its firmware's, else one made of /etc/machine-id.", NOCASE)
      .column("instance_id", TEXT, &Info::instance_id, "UUID of this run, new at each start without a database.")
      .column("version", TEXT, &Info::version, "Version of the program; under osquery's name osquery's.", VERSION)
      .column("config_hash", TEXT, &Info::config_hash, "SHA-1 of the configuration, empty without one.", NOCASE)
      .column("config_valid", INTEGER, &Info::config_valid, "1 once a configuration has been read, else 0.")
      .column("extensions", TEXT, &Info::extensions, "Whether the extension socket is active or inactive.")
      .column("build_platform", TEXT, &Info::build_platform, "The platform built for.")
      .column("build_distro", TEXT, &Info::build_distro, "The distribution built on.")
      .column("start_time", INTEGER, &Info::start_time, "When the program started, Unix seconds.")
      .column("watcher", INTEGER, &Info::watcher, "Process id of the watcher, -1 without one.")
      .column("platform_mask", INTEGER, &Info::platform_mask, "osquery's bits for the platform: 9 is Linux.")
      .utility()
      .example("SELECT version, config_hash FROM osquery_info");
}

}  // namespace osprey::agent::tables
