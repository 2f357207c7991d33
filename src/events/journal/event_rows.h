// What an event table yields: the rows of a journal family, for the time that is asked about.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "events/journal/journal.h"
#include "events/journal/marks.h"
#include "events/journal/record.h"
#include "sql/rows.h"
#include "sql/scan.h"

namespace osprey::events {

// Event tables find it among the services of whoever asks: the journal, and how far a scheduled query has read. Belongs
// to one thread.
class EventReads {
 public:
  explicit EventReads(const Journal& journal) : journal_(&journal) {}
  // Opened by `open` when a query asks for rows first. What keeps it from being opened is that query's warning.
  using Open = std::function<Result<const Journal*>()>;
  explicit EventReads(Open open) : open_(std::move(open)) {}

  // From now on queries that do not ask for a time of their own go by these marks; null: all that is kept is read.
  void go_by(Marks* marks) noexcept { marks_ = marks; }

  // The rows that the scan asks for, by its constraints on `time`. Empty: there is no such family here.
  std::optional<JournalCursor> read(const sql::Scan& scan, std::string_view family);

 private:
  Open open_;
  const Journal* journal_ = nullptr;
  Marks* marks_ = nullptr;
};

// A row of an event table.
template <class Event>
struct EventRow {
  Place place;
  std::int64_t moment = 0;  // Unix seconds
  Event event;

  std::int64_t time() const { return moment; }
  // As osquery has it: digits that sort as the number does.
  std::string eid() const { return fmt::format("{:010}", place.eid); }
};

// Rows of Event::kFamily that are wanted, oldest first. One that cannot be read is told and left out.
template <class Event, bool (*wanted)(const Event&) = nullptr>
sql::Rows<EventRow<Event>> event_rows(const sql::Scan& scan) {
  auto* reads = scan.service<EventReads>();
  if (!reads) co_return;
  auto cursor = reads->read(scan, Event::kFamily);
  if (!cursor) co_return;
  for (; cursor->valid() && !scan.interrupted(); cursor->next()) {
    auto event = decode<Event>(cursor->record());
    if (!event) {
      scan.warn(Error{EBADMSG, std::string(Event::kFamily), fmt::format("event {} is damaged", cursor->place().eid)});
      continue;
    }
    if (wanted && !wanted(*event)) continue;
    EventRow<Event> row{cursor->place(), cursor->time(), std::move(*event)};
    co_yield row;
  }
  if (const auto status = cursor->status(); !status) scan.warn(status.error());
}

}  // namespace osprey::events
