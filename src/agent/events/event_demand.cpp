#include "agent/events/event_demand.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "agent/sql_setup.h"
#include "base/text.h"
#include "sql/connection.h"

namespace osprey::agent {
namespace {

using namespace events;

constexpr std::string_view kAudit = "auditeventpublisher";
constexpr std::string_view kBpf = "BPFEventPublisher";
constexpr std::string_view kInotify = "inotify";

constexpr auto kTables = std::to_array<EventTable>({
    {"apparmor_events", kAudit, kKind<AppArmorEvent>},
    {"authentication_events", "syslog", kKind<AuthenticationEvent>},
    {"bpf_load_events", kBpf, kKind<BpfLoadEvent>},
    {"bpf_process_events", kBpf, kKind<ProcessEvent>},
    {"bpf_socket_events", kBpf, kKind<SocketEvent>},
    {"container_events", kBpf, kKind<ContainerEvent>},
    {"dns_events", kBpf, kKind<DnsEvent>},
    {"file_access_events", "fanotify", kKind<FileEvent>},
    {"file_events", kInotify, kKind<FileEvent>},
    {"hardware_events", "udev", kKind<HardwareEvent>},
    {"kernel_module_events", kBpf, kKind<KernelModuleEvent>},
    {"namespace_events", kBpf, kKind<NamespaceEvent>},
    {"privilege_events", kBpf, kKind<PrivilegeEvent>},
    {"process_events", kAudit, kKind<ProcessEvent>},
    {"process_exit_events", kBpf, kKind<ExitEvent>},
    {"process_file_events", kAudit, kKind<ProcessFileEvent>},
    {"ptrace_events", kBpf, kKind<PtraceEvent>},
    {"seccomp_events", kAudit, kKind<SeccompEvent>},
    {"selinux_events", kAudit, kKind<MacEvent>},
    {"socket_events", kAudit, kKind<SocketEvent>},
    {"syslog_events", "syslog", kKind<SyslogEvent>},
    {"user_events", kAudit, kKind<UserEvent>},
    {"yara_events", kInotify, kKind<YaraEvent>},
});

const EventTable* table_named(std::string_view name) {
  const auto found = std::ranges::lower_bound(kTables, name, {}, &EventTable::name);
  return found != kTables.end() && found->name == name ? &*found : nullptr;
}

// The event tables among the words of a statement. A word that is no table's name there, such as a string's, costs a
// source that nobody reads; to miss one would cost its events.
template <class Visitor>
void for_each_table_in(std::string_view sql, const Visitor& visit) {
  const auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  while (!sql.empty()) {
    const auto begin = std::ranges::find_if(sql, is_word);
    const auto end = std::find_if_not(begin, sql.end(), is_word);
    if (const auto* table = table_named(to_lower({begin, end}))) visit(*table);
    sql.remove_prefix(static_cast<std::size_t>(end - sql.begin()));
  }
}

template <class Visitor>
void for_each_query(const Configuration& configuration, const Visitor& visit) {
  for (const auto& pack : configuration.packs)
    for (const auto& query : pack.queries) visit(query);
}

void add_those_of_flags(const Configuration& configuration, std::set<std::string_view>& tables) {
  const auto& flags = configuration.flags;
  const auto add_if = [&](bool wanted, std::initializer_list<std::string_view> names) {
    if (wanted) tables.insert(names);
  };
  if (!flags.boolean("disable_audit")) {
    add_if(flags.boolean("audit_allow_process_events"), {"process_events"});
    add_if(flags.boolean("audit_allow_sockets"), {"socket_events"});
    add_if(flags.boolean("audit_allow_user_events"), {"user_events"});
    add_if(flags.boolean("audit_allow_fim_events"), {"process_file_events"});
    add_if(flags.boolean("audit_allow_selinux_events"), {"selinux_events"});
    add_if(flags.boolean("audit_allow_apparmor_events"), {"apparmor_events"});
    add_if(flags.boolean("audit_allow_seccomp_events"), {"seccomp_events"});
  }
  add_if(flags.boolean("enable_bpf_events"), {"bpf_process_events", "bpf_socket_events"});
  add_if(flags.boolean("enable_file_events"), {"file_events", "yara_events"});
  add_if(flags.boolean("enable_syslog"), {"syslog_events"});
}

// Those that somebody may read without a query of the configuration.
std::set<std::string_view> tables_of_flags(const Configuration& configuration, bool osquery_compatible) {
  std::set<std::string_view> tables;
  add_those_of_flags(configuration, tables);
  if (!osquery_compatible)
    for_each_table_in(configuration.flags.text("events_tables"),
                      [&](const EventTable& table) { tables.insert(table.name); });
  for (const auto& name : configuration.enabled_subscribers)
    if (const auto* table = table_named(name)) tables.insert(table->name);
  return tables;
}

bool has_digests(std::string_view name) {
  const auto* table = table_named(name);
  return table && table->kind == kKind<FileEvent>;
}

bool names_digests(std::string_view sql) {
  bool named = false;
  for_each_table_in(sql, [&](const EventTable& table) { named = named || has_digests(table.name); });
  return named;
}

bool reads_digests(const sql::PlannedRead& read) {
  constexpr std::array<std::string_view, 5> kColumns = {"md5", "sha1", "sha256", "sha512", "hashed"};
  return std::ranges::any_of(kColumns, [&](auto column) { return read.uses(column); });
}

// Whether all statements do.
bool prepares(sql::Connection& connection, std::string_view sql) {
  for (;;) {
    const auto statement = connection.prepare(sql);
    if (!statement) return false;
    if (!*statement) return true;
  }
}

}  // namespace

std::span<const EventTable> event_tables() noexcept { return kTables; }

std::set<std::string_view> active_event_tables(const Configuration& configuration, bool osquery_compatible) {
  if (configuration.flags.boolean("disable_events")) return {};
  auto tables = tables_of_flags(configuration, osquery_compatible);
  if (osquery_compatible) {
    tables.insert("hardware_events");
  } else {
    const auto add = [&](const EventTable& table) { tables.insert(table.name); };
    for_each_query(configuration, [&](const protocol::Query& query) { for_each_table_in(query.sql, add); });
    for (const auto& [name, sql] : configuration.views) for_each_table_in(sql, add);
  }
  for (const auto& name : configuration.disabled_subscribers) tables.erase(name);
  return tables;
}

std::set<std::string, std::less<>> hashed_categories(const Configuration& configuration,
                                                     const std::set<std::string_view>& tables, bool osquery_compatible,
                                                     const sql::Registry& registry) {
  std::set<std::string, std::less<>> all;
  for (const auto& [category, patterns] : configuration.files.paths) all.insert(category);
  if (std::ranges::none_of(tables, has_digests)) return {};
  for (const auto name : tables_of_flags(configuration, osquery_compatible))
    if (has_digests(name) && tables.contains(name)) return all;

  sql::ConnectionOptions options;
  options.registry = &registry;
  options.osquery_compatible = osquery_compatible;
  sql::Connection connection(options);
  std::set<std::string, std::less<>> hashed;
  connection.on_planned_read([&](const sql::PlannedRead& read) {
    if (!tables.contains(read.table.name) || !has_digests(read.table.name) || !reads_digests(read)) return;
    const auto of = std::ranges::find(read.constants, "category", &std::pair<std::string_view, std::string>::first);
    if (of == read.constants.end())
      hashed = all;
    else
      hashed.insert(of->second);
  });
  for (const auto& [name, sql] : configuration.views) create_view(connection, name, sql);
  const auto look_at = [&](std::string_view sql) {
    if (!prepares(connection, sql)) hashed = all;
  };
  for (const auto& [name, sql] : configuration.views)
    if (names_digests(sql)) look_at(fmt::format("SELECT * FROM {}", sql::quoted_identifier(name)));
  for_each_query(configuration, [&](const protocol::Query& query) {
    if (names_digests(query.sql)) look_at(query.sql);
  });
  return hashed;
}

Demand event_demand(const Configuration& configuration, const std::set<std::string_view>& tables,
                    const std::set<std::string, std::less<>>& hashed, bool osquery_compatible) {
  Demand demand;
  for (const auto name : tables) demand.kinds.set(table_named(name)->kind);
  if (demand.kinds.test(kKind<YaraEvent>)) demand.kinds.set(kKind<FileEvent>);  // which files are scanned
  demand.execs = demand.kinds.test(kKind<ProcessEvent>);
  demand.forks = demand.execs && configuration.flags.boolean("audit_allow_fork_process_events");
  demand.kills = demand.execs && configuration.flags.boolean("audit_allow_kill_process_events");
  demand.unix_sockets = demand.kinds.test(kKind<SocketEvent>) && configuration.flags.boolean("audit_allow_unix");
  demand.closes = !osquery_compatible && tables.contains("bpf_socket_events");
  for (const auto name : split(configuration.flags.text("events_environment"), ','))
    if (const auto trimmed = trim(name); !trimmed.empty()) demand.environment.emplace_back(trimmed);

  const auto& files = configuration.files;
  for (const auto& [category, patterns] : files.paths) {
    WatchedCategory watched{.name = category,
                            .patterns = patterns,
                            .excluded = {},
                            .accesses = std::ranges::find(files.accesses, category) != files.accesses.end(),
                            .digests = hashed.contains(category)};
    // osquery's hold for all categories, whatever their own name.
    for (const auto& [of, excluded] : files.exclude_paths)
      if (osquery_compatible || of == category)
        watched.excluded.insert(watched.excluded.end(), excluded.begin(), excluded.end());
    demand.watched.push_back(std::move(watched));
  }
  return demand;
}

PressureOptions event_pressure(const Configuration& configuration, const std::set<std::string_view>& tables,
                               std::vector<std::string>& wrong) {
  PressureOptions options;
  const auto percent = configuration.flags.number("events_cpu_percent");
  options.cpu_percent = static_cast<unsigned>(std::clamp<std::int64_t>(percent, 0, 100));
  for (const auto name : split(configuration.flags.text("events_shed_order"), ',')) {
    const auto trimmed = trim(name);
    if (trimmed.empty()) continue;
    const auto* table = table_named(trimmed);
    if (!table)
      wrong.emplace_back(trimmed);
    else if (tables.contains(table->name))
      options.order.push_back(
          {.name = std::string(trimmed), .kind = table->kind, .accesses = trimmed == "file_access_events"});
  }
  return options;
}

std::array<std::uint64_t, kKinds> event_expiry(const Configuration& configuration) {
  const auto seconds = [&](FlagName flag) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(configuration.flags.number(flag), 0));
  };
  std::array<std::uint64_t, kKinds> expiry{};
  expiry.fill(seconds("events_expiry"));
  expiry[kKind<SyslogEvent>] = seconds("syslog_events_expiry");
  for_each_query(configuration, [&](const protocol::Query& query) {
    for_each_table_in(query.sql, [&](const EventTable& table) {
      auto& kept = expiry[table.kind];
      constexpr std::uint64_t kMinute = 60;
      const auto interval = query.interval.value_or(seconds("schedule_default_interval"));
      if (kept > 0) kept = std::max(kept, (3 * interval / kMinute + 1) * kMinute);
    });
  });
  return expiry;
}

}  // namespace osprey::agent
