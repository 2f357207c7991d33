// What a file that defines an event table includes: the table of a kind of event, and the accessors that most have.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "events/journal/event_rows.h"
#include "events/kinds/kinds.h"
#include "sql/table.h"  // IWYU pragma: export

namespace osprey::events::tables {
using namespace osprey::sql;  // NOLINT: tables are written in the engine's vocabulary

// A table of all events of a kind, or of those that `wanted` says yes to.
template <class Event>
TableBuilder<EventRow<Event>> event_table(std::string_view name, std::string_view help) {
  return sql::table<EventRow<Event>>(name, help, event_rows<Event>).event_subscriber();
}
template <class Event, bool (*wanted)(const Event&)>
TableBuilder<EventRow<Event>> event_table(std::string_view name, std::string_view help) {
  return sql::table<EventRow<Event>>(name, help, event_rows<Event, wanted>).event_subscriber();
}

// "[5,1]"
std::string json_of(const std::vector<std::int64_t>& pids);
std::string json_of(const std::vector<std::string_view>& texts);
// Arguments with a space between.
std::string joined(const std::vector<std::string_view>& texts);
// "8:1" of makedev(3).
std::string device_text(std::uint64_t device);

// Of what osquery has as text; empty where it is not known.
template <class Number>
std::string number_text(const std::optional<Number>& number) {
  return number ? std::to_string(*number) : std::string();
}
// "PID-START"; empty where the start is not known.
std::string key_text(const ProcessKey& process);
// "success", or the name of the error: "EPERM".
std::string outcome_text(std::int64_t result);

// Accessors of rows.
namespace row {

// A member of the event, as it is.
template <auto member>
inline constexpr auto field = [](const auto& row) { return row.event.*member; };

// Of rows whose event has a header.
inline constexpr auto uptime = [](const auto& row) {
  return static_cast<std::int64_t>(row.event.header.moment / 1'000'000'000);
};
inline constexpr auto origin = [](const auto& row) { return name_of(row.event.header.origin); };

// Of rows whose event has an actor.
inline constexpr auto pid = [](const auto& row) { return row.event.actor.process.pid; };
// Where it may be that nobody is known to have done it.
inline constexpr auto known_pid = [](const auto& row) -> std::optional<std::int64_t> {
  if (row.event.actor.process.pid <= 0) return std::nullopt;
  return row.event.actor.process.pid;
};
inline constexpr auto tid = [](const auto& row) { return row.event.actor.tid; };
inline constexpr auto parent = [](const auto& row) { return row.event.actor.parent.pid; };
inline constexpr auto path = [](const auto& row) { return row.event.actor.path; };
inline constexpr auto name = [](const auto& row) { return row.event.actor.name; };
inline constexpr auto cmdline = [](const auto& row) { return row.event.actor.cmdline; };
inline constexpr auto uid = [](const auto& row) { return row.event.actor.ids.uid; };
inline constexpr auto euid = [](const auto& row) { return row.event.actor.ids.euid; };
inline constexpr auto gid = [](const auto& row) { return row.event.actor.ids.gid; };
inline constexpr auto egid = [](const auto& row) { return row.event.actor.ids.egid; };
// An unset login uid is told as the kernel and osquery do.
inline constexpr auto login_uid = [](const auto& row) {
  return static_cast<std::int64_t>(row.event.actor.ids.login_uid.value_or(UINT32_MAX));
};
inline constexpr auto session = [](const auto& row) { return row.event.actor.ids.session; };
inline constexpr auto username = [](const auto& row) { return row.event.actor.user; };
inline constexpr auto container_id = [](const auto& row) { return row.event.actor.container_id; };
inline constexpr auto container_name = [](const auto& row) { return row.event.actor.container_name; };
inline constexpr auto container_image = [](const auto& row) { return row.event.actor.container_image; };
inline constexpr auto unit = [](const auto& row) { return row.event.actor.unit; };
inline constexpr auto ancestors = [](const auto& row) { return json_of(row.event.actor.ancestors); };
// Joins what one process did over tables, also when its pid has come again.
inline constexpr auto process_key = [](const auto& row) { return key_text(row.event.actor.process); };
inline constexpr auto outcome = [](const auto& row) { return outcome_text(row.event.result); };
}  // namespace row

// Columns that several tables have (TableBuilder::columns).
namespace columns {

inline constexpr auto when = []<class Row>(TableBuilder<Row>&& table) -> TableBuilder<Row>&& {
  return std::move(table)
      .column("time", BIGINT, &Row::time, "When it happened, in Unix seconds.", ADDITIONAL)
      .column("uptime", BIGINT, row::uptime, "The same, in seconds since the machine was started.")
      .column("eid", TEXT, &Row::eid, "Number of the event in its table.", HIDDEN);
};

inline constexpr auto ancestors = []<class Row>(TableBuilder<Row>&& table) -> TableBuilder<Row>&& {
  return std::move(table).column("ancestors", TEXT, row::ancestors, "Pids from the parent to 1, as a JSON array.",
                                 HIDDEN);
};

inline constexpr auto process_key = []<class Row>(TableBuilder<Row>&& table) -> TableBuilder<Row>&& {
  return std::move(table).column("process_key", TEXT, row::process_key,
                                 "The process, told from others with its pid: pid and start.", HIDDEN);
};

inline constexpr auto username = []<class Row>(TableBuilder<Row>&& table) -> TableBuilder<Row>&& {
  return std::move(table).column("username", TEXT, row::username, "Name of its user, as the host's /etc/passwd has it.",
                                 HIDDEN);
};

// Beside its id.
inline constexpr auto container_names = []<class Row>(TableBuilder<Row>&& table) -> TableBuilder<Row>&& {
  return std::move(table)
      .column("container_name", TEXT, row::container_name, "Name of the container, as its engine has it.", HIDDEN)
      .column("container_image", TEXT, row::container_image, "Image of the container, likewise.", HIDDEN);
};

// Beyond osquery's.
inline constexpr auto container = []<class Row>(TableBuilder<Row>&& table) -> TableBuilder<Row>&& {
  return std::move(table)
      .column("container_id", TEXT, row::container_id, "Container of the process.", HIDDEN)
      .columns(container_names);
};
inline constexpr auto container_and_unit = []<class Row>(TableBuilder<Row>&& table) -> TableBuilder<Row>&& {
  return std::move(table).columns(container).column("unit", TEXT, row::unit, "systemd unit of the process.", HIDDEN);
};

// What our own tables of attributed events end with.
inline constexpr auto attribution = []<class Row>(TableBuilder<Row>&& table) -> TableBuilder<Row>&& {
  return std::move(table)
      .column("container_id", TEXT, row::container_id, "Container of the process.")
      .column("unit", TEXT, row::unit, "systemd unit of the process.")
      .columns(ancestors)
      .columns(container_names)
      .columns(process_key)
      .column("source", TEXT, row::origin, "Who said so: bpf, audit…", HIDDEN)
      .columns(username);
};

}  // namespace columns

}  // namespace osprey::events::tables
