#include "events/tables/table.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<AppArmorEvent>;

std::uint64_t whole(std::int64_t value) { return static_cast<std::uint64_t>(value); }
std::optional<std::uint64_t> whole(const std::optional<std::uint32_t>& value) {
  return value ? std::optional<std::uint64_t>(*value) : std::nullopt;
}

// A text field as a column.
template <std::string_view AppArmorEvent::* field>
std::string_view text(const Row& row) {
  return row.event.*field;
}

}  // namespace

Table apparmor_events() {
  return event_table<AppArmorEvent>("apparmor_events", "What AppArmor told the audit system.")
      .column("type", TEXT, text<&AppArmorEvent::type>, "Type of the record.")
      .column("message", TEXT, text<&AppArmorEvent::message>, "The record as it stands.")
      .column("time", BIGINT, &Row::time, "When it happened, in Unix seconds.", ADDITIONAL)
      .column("uptime", BIGINT, row::uptime, "The same, in seconds since the machine was started.")
      .column("eid", TEXT, &Row::eid, "Number of the event.", HIDDEN)
      .column("apparmor", TEXT, text<&AppArmorEvent::verdict>, "DENIED, ALLOWED, AUDIT or STATUS.")
      .column("operation", TEXT, text<&AppArmorEvent::operation>, "What was to be done.")
      .column(
          "parent", UNSIGNED_BIGINT, [](const Row& row) { return whole(row.event.actor.parent.pid); },
          "Pid of the parent.")
      .column("profile", TEXT, text<&AppArmorEvent::profile>, "Profile of the process.")
      .column("name", TEXT, text<&AppArmorEvent::name>, "What it was to be done to.")
      .column(
          "pid", UNSIGNED_BIGINT, [](const Row& row) { return whole(row.event.actor.process.pid); }, "Process id.")
      .column("comm", TEXT, row::name, "Name of the process.")
      .column("denied_mask", TEXT, text<&AppArmorEvent::denied_mask>, "Rights that were denied.")
      .column("capname", TEXT, text<&AppArmorEvent::capname>, "Name of the capability.")
      .column(
          "fsuid", UNSIGNED_BIGINT, [](const Row& row) { return whole(row.event.fsuid); }, "Filesystem user.")
      .column(
          "ouid", UNSIGNED_BIGINT, [](const Row& row) { return whole(row.event.ouid); }, "Owner of the file.")
      .column(
          "capability", BIGINT, [](const Row& row) { return row.event.capability; }, "Number of the capability.")
      .column("requested_mask", TEXT, text<&AppArmorEvent::requested_mask>, "Rights that were asked for.")
      .column("info", TEXT, text<&AppArmorEvent::info>, "What AppArmor adds.")
      .column("error", TEXT, text<&AppArmorEvent::error>, "The error that the program got.")
      .column("namespace", TEXT, text<&AppArmorEvent::name_space>, "AppArmor's namespace.")
      .column("label", TEXT, text<&AppArmorEvent::label>, "Label of the other side.")
      .example("SELECT time, profile, operation, name FROM apparmor_events WHERE apparmor = 'DENIED'");
}

}  // namespace osprey::events::tables
