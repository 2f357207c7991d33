#include "agent/differential/run_lines.h"

#include <iterator>
#include <utility>

namespace osprey::agent {

using protocol::Action;
using protocol::BatchLine;
using protocol::EventLines;
using protocol::SnapshotLine;

RunLines::RunLines(LogBuffer& buffer, const RunPlan& plan, const RunContext& context,
                   const DifferentialOptions& options, std::uint64_t counter)
    : buffer_(buffer), plan_(plan), context_(context), options_(options), counter_(counter) {}

LineRecord RunLines::record(bool continues) const {
  LineRecord record;
  record.kind = plan_.snapshot ? LineKind::snapshot : LineKind::result;
  record.query = plan_.name;
  record.continues = continues;
  return record;
}

void RunLines::start() {
  if (lines_.index() != 0) return;
  const protocol::RunHeader header{
      plan_.name, context_.host_identifier, context_.now(),       plan_.epoch,
      counter_,   plan_.numerics,           context_.decorations, plan_.decorations_top_level};
  removed_.current = record(false);
  added_.current = record(false);
  if (plan_.snapshot ? plan_.snapshot_event_format : plan_.event_format) {
    lines_.emplace<EventLines>(header);
  } else if (plan_.snapshot) {
    lines_.emplace<SnapshotLine>(header).begin(added_.current.text);
  } else {
    auto& line = lines_.emplace<BatchLine>(header);
    line.begin(removed_.current.text);
    line.turn(added_.current.text);
    added_.current.continues = true;
  }
}

Result<void> RunLines::removed(std::string_view row) {
  if (!wants_removed()) return {};
  start();
  if (auto* events = std::get_if<EventLines>(&lines_)) {
    events->append(removed_.current.text, row, Action::removed);
    ++removed_.current.lines;
  } else {
    std::get<BatchLine>(lines_).removed(removed_.current.text, row);
  }
  return close_if_full(removed_);
}

Result<void> RunLines::added(std::string_view row) {
  if (!plan_.log) return {};
  start();
  if (auto* events = std::get_if<EventLines>(&lines_)) {
    events->append(added_.current.text, row, plan_.snapshot ? Action::snapshot : Action::added);
    ++added_.current.lines;
  } else if (auto* batch = std::get_if<BatchLine>(&lines_)) {
    batch->added(added_.current.text, row);
  } else {
    std::get<SnapshotLine>(lines_).row(added_.current.text, row);
  }
  return close_if_full(added_);
}

void RunLines::close(Section& section) {
  const bool one_line = !std::holds_alternative<EventLines>(lines_);
  section.current.goes_on = one_line;
  held_ += section.current.text.size();
  section.full.push_back(std::exchange(section.current, record(one_line)));
}

Result<void> RunLines::close_if_full(Section& section) {
  if (section.current.text.size() < options_.record_bytes) return {};
  close(section);
  return held_ < options_.batch_bytes ? Result<void>{} : stage_full();
}

Result<void> RunLines::stage_full() {
  if (!staged_) {
    staged_ = buffer_.stage();
    // The beginning of a line comes before all the rest of it.
    if (std::holds_alternative<BatchLine>(lines_)) close(removed_);
  }
  for (auto* section : {&removed_, &added_}) {
    const auto part = section == &removed_ ? Part::first : Part::second;
    for (auto& record : section->full) TRY(staged_->add(part, std::move(record)));
    section->full.clear();
  }
  held_ = 0;
  return {};
}

void RunLines::finish_line() {
  removed_.current.goes_on = std::holds_alternative<BatchLine>(lines_);
  if (auto* batch = std::get_if<BatchLine>(&lines_))
    batch->end(added_.current.text);
  else if (auto* snapshot = std::get_if<SnapshotLine>(&lines_))
    snapshot->end(added_.current.text);
  else
    return;
  added_.current.goes_on = false;
  added_.current.lines = 1;
}

// Removed rows first; where the last of their records and the first of the others' are worth one record together,
// they become one.
std::vector<LineRecord> RunLines::take_all() {
  std::vector<LineRecord> all = std::move(removed_.full);
  for (auto& record : added_.full) {
    if (!all.empty() && all.back().text.size() + record.text.size() <= options_.record_bytes) {
      all.back().text += record.text;
      all.back().lines += record.lines;
      all.back().goes_on = record.goes_on;
    } else {
      all.push_back(std::move(record));
    }
  }
  return all;
}

Result<void> RunLines::commit(store::Batch state, bool even_empty) {
  if (even_empty && plan_.log) start();
  if (lines_.index() != 0) finish_line();
  for (auto* section : {&removed_, &added_})
    if (!section->current.text.empty()) section->full.push_back(std::move(section->current));
  if (staged_) {
    TRY(stage_full());
    return buffer_.commit(std::move(state), std::move(staged_));
  }
  auto records = take_all();
  if (state.empty() && records.empty()) return {};
  return buffer_.commit(std::move(state), std::move(records));
}

}  // namespace osprey::agent
