// What a file that defines an event table includes: the table of a kind of event, and the accessors that most have.
#pragma once

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

// "socket 10.0.0.1:443", "pipe"; empty where nobody knew.
std::string stream_text(const ProcessEvent& event, std::size_t descriptor);
// Community ID version 1 of what has two sides; else empty.
std::string community_id_of(const SocketEvent& event);
// "PID-START"; empty where the start is not known.
std::string key_text(const ProcessKey& process);
// "success", or the name of the error: "EPERM".
std::string outcome_text(std::int64_t result);

// Accessors of rows whose event has a header.
namespace row {
inline constexpr auto uptime = [](const auto& row) {
  return static_cast<std::int64_t>(row.event.header.moment / 1'000'000'000);
};
inline constexpr auto origin = [](const auto& row) { return name_of(row.event.header.origin); };

// Of rows whose event has an actor.
inline constexpr auto pid = [](const auto& row) { return row.event.actor.process.pid; };
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
inline constexpr auto container_id = [](const auto& row) { return row.event.actor.container_id; };
inline constexpr auto container_name = [](const auto& row) { return row.event.actor.container_name; };
inline constexpr auto container_image = [](const auto& row) { return row.event.actor.container_image; };
inline constexpr auto unit = [](const auto& row) { return row.event.actor.unit; };
inline constexpr auto ancestors = [](const auto& row) { return json_of(row.event.actor.ancestors); };
// Joins what one process did over tables, also when its pid has come again.
inline constexpr auto process_key = [](const auto& row) { return key_text(row.event.actor.process); };
inline constexpr auto outcome = [](const auto& row) { return outcome_text(row.event.result); };
}  // namespace row

// Columns that beyond.md's tables of attributed events begin ([E]) and end with ([C]).
template <class Event>
TableBuilder<EventRow<Event>>&& with_time(TableBuilder<EventRow<Event>>&& builder) {
  return std::move(builder)
      .column("time", BIGINT, &EventRow<Event>::time, "When it happened, in Unix seconds.", ADDITIONAL)
      .column("uptime", BIGINT, row::uptime, "The same, in seconds since the machine was started.")
      .column("eid", TEXT, &EventRow<Event>::eid, "Number of the event in its table.", HIDDEN);
}
template <class Event>
TableBuilder<EventRow<Event>>&& with_attribution(TableBuilder<EventRow<Event>>&& builder) {
  return std::move(builder)
      .column("container_id", TEXT, row::container_id, "Container of the process.")
      .column("unit", TEXT, row::unit, "systemd unit of the process.")
      .column("ancestors", TEXT, row::ancestors, "Pids from the parent to 1, as a JSON array.", HIDDEN)
      .column("container_name", TEXT, row::container_name, "Name of the container, as its engine has it.", HIDDEN)
      .column("container_image", TEXT, row::container_image, "Image of the container, likewise.", HIDDEN)
      .column("process_key", TEXT, row::process_key, "The process, told from others with its pid: pid and start.",
              HIDDEN)
      .column("source", TEXT, row::origin, "Who said so: bpf, audit…", HIDDEN);
}

}  // namespace osprey::events::tables
