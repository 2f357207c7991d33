#include "events/tables/file_rows.h"

namespace osprey::events::tables {
namespace {

using Row = EventRow<YaraEvent>;

std::optional<double> scan_seconds(const Row& row) {
  constexpr double kNanoseconds = 1e9;
  if (!row.event.scanned) return std::nullopt;
  return static_cast<double>(row.event.nanoseconds) / kNanoseconds;
}

}  // namespace

Table yara_events() {
  return event_table<YaraEvent>("yara_events", "Files that changed and match YARA rules.")
      .column("target_path", TEXT, row::field<&YaraEvent::path>, "Path of the file.")
      .column("category", TEXT, row::field<&YaraEvent::category>,
              "Category of file_paths that has it; yara.file_paths says which groups of rules are for it.")
      .column(
          "action", TEXT, [](const Row& row) { return file_row::action_text(row.event.action); },
          "CREATED, UPDATED or MOVED_TO.")
      .column("matches", TEXT, row::field<&YaraEvent::matches>, "Names of the rules that match, separated by commas.")
      .column("count", INTEGER, row::field<&YaraEvent::count>, "How many rules match.")
      .column("strings", TEXT, row::field<&YaraEvent::strings>,
              "Where the rules' strings were found: $name:offset in hexadecimal, separated by commas.")
      .column("tags", TEXT, row::field<&YaraEvent::tags>, "Tags of the rules that match, separated by commas.")
      .column("time", BIGINT, &Row::time, "When it was scanned, in Unix seconds.", PASSED)
      .column("eid", TEXT, &Row::eid, "Number of the event in its table.", HIDDEN)
      .column("scan_seconds", scan_seconds, "How long the scan took.", HIDDEN)
      .column("skipped", row::field<&YaraEvent::skipped>,
              "Why it was not scanned, or what of it was not; empty where all was.", HIDDEN)
      .example("SELECT target_path, matches FROM yara_events WHERE count > 0")
      .note(
          "A file is scanned a moment after it was created, written or moved below a watched path, once for all that "
          "happened until then. One that could not be scanned has a row with a count of 0, which says why in skipped; "
          "started as osqueryd there are only rows of matches.");
}

}  // namespace osprey::events::tables
