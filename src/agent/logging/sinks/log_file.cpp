#include "agent/logging/sinks/log_file.h"

#include <fmt/format.h>

#include <vector>

#include "base/text.h"

namespace osprey::agent {
namespace {

// Somebody who writes to the file all the time must not keep us from it.
constexpr int kMostWaits = 3;

}  // namespace

Result<void> LogFile::make(mode_t mode) {
  AppendedFile file;
  return file.open(path_, mode);
}

Result<bool> LogFile::ready(mode_t mode) {
  const auto before = mark_;
  if (file_.is_open() && !in_line() && !file_.is_at(path_)) file_.close();
  if (!file_.is_open()) {
    TRY(file_.open(path_, mode));
    const bool known = file_.identity() == mark_.file && file_.size() >= mark_.size;
    unsettled_ = known && file_.size() > mark_.size;
    if (!known) TRY(adopt());
  } else if (!unsettled_ && !TRY(file_.is_as_left())) {
    // A line that is being written is gone on with, unless its beginning has been cut off.
    if (file_.size() < mark_.size) mark_.line_start.reset();
    mark_.size = file_.size();
  }
  if (mark_ == before || ++waits_ > kMostWaits) {
    waits_ = 0;
    return true;
  }
  return false;
}

// Goes on where the file ends, whoever wrote what is there.
Result<void> LogFile::adopt() {
  mark_ = {file_.identity(), file_.size(), std::nullopt};
  if (!TRY(file_.ends_line())) file_.end_line_first();
  return {};
}

// After a death: cuts back what was written and not acknowledged, and only that.
Result<void> LogFile::settle_tail(std::span<const std::string_view> pieces) {
  if (!TRY(file_.begins_at(mark_.size, pieces)) || !TRY(file_.cut_back(mark_.size))) TRY(adopt());
  unsettled_ = false;
  return {};
}

Result<void> LogFile::append(std::span<const std::string_view> pieces) {
  const auto appended = file_.append(pieces);
  mark_.size = file_.size();
  return appended;
}

// The rest of the line that the file ends with was shed.
Result<void> LogFile::drop_open_line() {
  if (!TRY(file_.cut_back(*mark_.line_start))) file_.end_line_first();
  mark_.size = file_.size();
  mark_.line_start.reset();
  return {};
}

Result<std::size_t> LogFile::write(std::span<const LogDelivery> records) {
  std::vector<std::string_view> pieces;
  for (const auto& [next, record] : records) {
    if (record.continues || record.goes_on) break;
    pieces.push_back(record.text);
  }
  const auto& first = records.front().record;
  const bool whole = !pieces.empty();
  if (!whole) pieces.push_back(first.text);
  if (unsettled_) TRY(settle_tail(pieces));
  if (in_line() && !first.continues) TRY(drop_open_line());
  if (whole)
    TRY(append(pieces));
  else
    TRY(write_part(first));
  return pieces.size();
}

// A record whose first line began before it or whose last one ends after it.
Result<void> LogFile::write_part(const LineRecord& record) {
  std::string_view text = record.text;
  if (record.continues && !in_line()) {
    // The line's beginning went to a file that is gone: its rest would be no line.
    const bool ends = text.contains('\n');
    losses_.add("filesystem", "file", "began in a file that is gone", ends ? 1 : 0, take_until(text, '\n').size());
    if (!ends) return {};
  }
  TRY(append({&text, 1}));
  const auto last = text.rfind('\n');
  if (!record.goes_on)
    mark_.line_start.reset();
  else if (!in_line() || last != std::string_view::npos)
    mark_.line_start = file_.size() - (text.size() - (last == std::string_view::npos ? 0 : last + 1));
  return {};
}

std::string LogFile::mark() const {
  return fmt::format("{} {} {} {} ", mark_.file.device, mark_.file.inode, mark_.size,
                     mark_.line_start ? std::to_string(*mark_.line_start) : "-");
}

void LogFile::resume(std::string_view& text) {
  const auto device = parse<std::uint64_t>(take_field(text));
  const auto inode = parse<std::uint64_t>(take_field(text));
  const auto size = parse<std::uint64_t>(take_field(text));
  const auto line_start = parse<std::uint64_t>(take_field(text));
  if (device && inode && size) mark_ = {{*device, *inode}, *size, line_start};
}

}  // namespace osprey::agent
