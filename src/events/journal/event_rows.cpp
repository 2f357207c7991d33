#include "events/journal/event_rows.h"

#include <algorithm>

namespace osprey::events {

std::optional<JournalCursor> EventReads::read(const sql::Scan& scan, std::string_view family) {
  if (!journal_) {
    const auto opened = open_();
    if (!opened) {
      scan.warn(opened.error());
      return std::nullopt;
    }
    journal_ = *opened;
  }
  const auto index = journal_->family(family);
  if (!index) return std::nullopt;

  const auto bounds = scan.bounds("time");
  TimeRange times{bounds.low, bounds.high};
  bool by_time = times.low != INT64_MIN || times.high != INT64_MAX;
  if (const auto asked = scan.integers("time")) {
    by_time = true;
    if (asked->empty())
      times = {1, 0};
    else
      times = {std::max(times.low, asked->front()), std::min(times.high, asked->back())};
  }
  if (by_time || !marks_) return journal_->read(*index, times);
  const auto stretch = marks_->stretch(*journal_, *index, family);
  return journal_->read(*index, times, stretch.after, stretch.last);
}

}  // namespace osprey::events
