#include "agent/events/event_sources.h"

#include <fmt/format.h>

#include "base/text.h"
#include "events/audit/audit_source.h"
#include "events/bpf/bpf_source.h"
#include "events/connector/connector_source.h"
#include "events/fanotify/fanotify_source.h"
#include "events/inotify/inotify_source.h"
#include "events/udev/udev_source.h"

namespace osprey::agent {
namespace {

events::audit::AuditOptions audit_options(const Flags& flags, bool osquery_compatible) {
  // Under our own name what a table needs is allowed where nobody forbids it.
  const auto allows = [&](FlagName flag) {
    return osquery_compatible || flags.is_set(flag) ? flags.boolean(flag) : true;
  };
  const auto at_least_0 = [&](FlagName flag) {
    return static_cast<std::uint32_t>(std::max<std::int64_t>(flags.number(flag), 0));
  };
  events::audit::AuditOptions options{
      .allow_config = allows("audit_allow_config"),
      .persist = flags.boolean("audit_persist"),
      .backlog_limit = at_least_0("audit_backlog_limit"),
      .backlog_wait_time = at_least_0("audit_backlog_wait_time"),
      .force_reconfigure = flags.boolean("audit_force_reconfigure"),
      .force_unconfigure = flags.boolean("audit_force_unconfigure"),
      .process_events = allows("audit_allow_process_events"),
      .fork_process_events = flags.boolean("audit_allow_fork_process_events"),
      .kill_process_events = flags.boolean("audit_allow_kill_process_events"),
      .sockets = allows("audit_allow_sockets"),
      .accept_socket_events = flags.boolean("audit_allow_accept_socket_events"),
      .failed_socket_events = allows("audit_allow_failed_socket_events"),
      .null_accept_socket_events = flags.boolean("audit_allow_null_accept_socket_events"),
      .unix_sockets = flags.boolean("audit_allow_unix"),
      .user_events = allows("audit_allow_user_events"),
      .file_events = allows("audit_allow_fim_events"),
      .osquery_paths = osquery_compatible,
      .show_accesses = flags.boolean("audit_fim_show_accesses"),
      .show_partial = flags.boolean("audit_show_partial_fim_events"),
      .selinux_events = allows("audit_allow_selinux_events"),
      .apparmor_events = allows("audit_allow_apparmor_events"),
      .seccomp_events = allows("audit_allow_seccomp_events"),
  };
  for (const auto path : split(flags.text("audit_exclude_exe"), ','))
    if (const auto trimmed = trim(path); !trimmed.empty()) options.exclude_exe.emplace_back(trimmed);
  options.state_path = fmt::format("{}.events.audit", flags.text("database_path"));
  return options;
}

}  // namespace

std::vector<std::unique_ptr<events::Source>> event_sources(const Flags& flags, bool osquery_compatible) {
  // Under osquery's names each is turned on by its flag.
  const auto chosen = flags.text("events_source");
  const auto wants = [&](std::string_view name, bool by_flag) {
    return by_flag || (!osquery_compatible && (chosen == "auto" || chosen == name));
  };
  std::vector<std::unique_ptr<events::Source>> sources;
  if (wants("bpf", flags.boolean("enable_bpf_events"))) sources.push_back(events::bpf::make_bpf_source());
  if (wants("audit", !flags.boolean("disable_audit")))
    sources.push_back(std::make_unique<events::audit::AuditSource>(audit_options(flags, osquery_compatible)));
  if (wants("connector", false)) sources.push_back(std::make_unique<events::ConnectorSource>(Root::host()));
  // Under osquery's name they are what osquery's inotify tells, and where: of a leaf's wildcard the whole directory.
  const auto meaning =
      osquery_compatible ? events::WatchPatterns::Meaning::osquery : events::WatchPatterns::Meaning::exact;
  sources.push_back(events::fanotify_source({.meaning = meaning}));
  sources.push_back(events::inotify_source({.meaning = meaning}));
  sources.push_back(
      std::make_unique<events::UdevSource>(Root::host(), std::string(flags.text("hardware_disabled_types"))));
  return sources;
}

}  // namespace osprey::agent
