#include "events/tables/table.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<AppArmorEvent>;

std::uint64_t whole(std::int64_t value) { return static_cast<std::uint64_t>(value); }
std::optional<std::uint64_t> whole(const std::optional<std::uint32_t>& value) {
  return value ? std::optional<std::uint64_t>(*value) : std::nullopt;
}

}  // namespace

Table apparmor_events() {
  return event_table<AppArmorEvent>("apparmor_events", "What AppArmor told the audit system.")
      .column("type", TEXT, row::field<&AppArmorEvent::type>, "Type of the record.")
      .column("message", TEXT, row::field<&AppArmorEvent::message>, "The record as it stands.")
      .columns(columns::when)
      .column("apparmor", TEXT, row::field<&AppArmorEvent::verdict>, "DENIED, ALLOWED, AUDIT or STATUS.")
      .column("operation", TEXT, row::field<&AppArmorEvent::operation>, "What was to be done.")
      .column(
          "parent", UNSIGNED_BIGINT, [](const Row& row) { return whole(row.event.actor.parent.pid); },
          "Pid of the parent.")
      .column("profile", TEXT, row::field<&AppArmorEvent::profile>, "Profile of the process.")
      .column("name", TEXT, row::field<&AppArmorEvent::name>, "What it was to be done to.")
      .column(
          "pid", UNSIGNED_BIGINT, [](const Row& row) { return whole(row.event.actor.process.pid); }, "Process id.")
      .column("comm", TEXT, row::name, "Name of the process.")
      .column("denied_mask", TEXT, row::field<&AppArmorEvent::denied_mask>, "Rights that were denied.")
      .column("capname", TEXT, row::field<&AppArmorEvent::capname>, "Name of the capability.")
      .column(
          "fsuid", UNSIGNED_BIGINT, [](const Row& row) { return whole(row.event.fsuid); }, "Filesystem user.")
      .column(
          "ouid", UNSIGNED_BIGINT, [](const Row& row) { return whole(row.event.ouid); }, "Owner of the file.")
      .column("capability", BIGINT, row::field<&AppArmorEvent::capability>, "Number of the capability.")
      .column("requested_mask", TEXT, row::field<&AppArmorEvent::requested_mask>, "Rights that were asked for.")
      .column("info", TEXT, row::field<&AppArmorEvent::info>, "What AppArmor adds.")
      .column("error", TEXT, row::field<&AppArmorEvent::error>, "The error that the program got.")
      .column("namespace", TEXT, row::field<&AppArmorEvent::name_space>, "AppArmor's namespace.")
      .column("label", TEXT, row::field<&AppArmorEvent::label>, "Label of the other side.")
      .example("SELECT time, profile, operation, name FROM apparmor_events WHERE apparmor = 'DENIED'");
}

}  // namespace osprey::events::tables
