#include "agent/events/event_sources.h"

#include <fmt/format.h>

#include "base/text.h"
#include "events/audit/audit_source.h"
#include "events/bpf/bpf_source.h"
#include "events/connector/connector_source.h"
#include "events/containers/engine_source.h"
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

events::SyslogOptions syslog_options(SourceSettings settings) {
  const auto& flags = settings.flags;
  events::SyslogOptions options{
      .pipe = {},
      .journal = !settings.osquery_compatible,
      .socket = std::string(flags.text("syslog_socket")),
      .cursor = std::move(settings.journal_cursor),
      .journal_directory = {},
      .rate_limit = static_cast<std::size_t>(std::max<std::int64_t>(flags.number("syslog_rate_limit"), 1))};
  if (flags.boolean("enable_syslog")) options.pipe = flags.text("syslog_pipe_path");
  return options;
}

}  // namespace

EventSources event_sources(SourceSettings settings) {
  const auto& flags = settings.flags;
  const bool compatible = settings.osquery_compatible;
  // Under osquery's names each is turned on by its flag.
  const auto chosen = flags.text("events_source");
  const auto wants = [&](std::string_view name, bool by_flag) {
    return by_flag || (!compatible && (chosen == "auto" || chosen == name));
  };
  // Under osquery's name they are what osquery's inotify tells, and where: of a leaf's wildcard the whole directory.
  const auto meaning = compatible ? events::WatchPatterns::Meaning::osquery : events::WatchPatterns::Meaning::exact;
  EventSources made;
  const auto add = [&](auto source) {
    auto* const there = source.get();
    made.list.push_back(std::move(source));
    return there;
  };
  if (wants("bpf", flags.boolean("enable_bpf_events"))) add(events::bpf::make_bpf_source({.meaning = meaning}));
  if (wants("audit", !flags.boolean("disable_audit")))
    made.audit = add(std::make_unique<events::audit::AuditSource>(audit_options(flags, compatible)));
  if (wants("connector", false)) add(std::make_unique<events::ConnectorSource>(Root::host()));
  add(events::fanotify_source({.meaning = meaning}));
  add(events::inotify_source({.meaning = meaning}));
  add(std::make_unique<events::EngineSource>(Root::host()));
  add(std::make_unique<events::UdevSource>(Root::host(), std::string(flags.text("hardware_disabled_types"))));
  made.yara = add(std::make_unique<events::YaraSource>(
      events::YaraSource::Options{.engine = linux::yara_engine(),
                                  .budget = settings.budget,
                                  .tell_skipped = !compatible}));  // osquery tells matches
  made.syslog = add(std::make_unique<events::SyslogSource>(syslog_options(std::move(settings))));
  return made;
}

}  // namespace osprey::agent
