#include "agent/logging/line_units.h"

#include <fmt/format.h>

namespace osprey::agent {

LineUnits::LineUnits(std::span<const LogDelivery> records, std::size_t longest_line) : longest_(longest_line) {
  while (!records.empty()) {
    std::size_t count = 1;
    while (count < records.size() && records[count - 1].record.goes_on) ++count;
    const bool open = records[count - 1].record.goes_on;
    if (open && !units_.empty()) return;
    LineUnit unit{.records = records.first(count)};
    read(unit);
    units_.push_back(std::move(unit));
    records = records.subspan(count);
  }
}

void LineUnits::read(LineUnit& unit) {
  std::string part;                        // of the line that the record before has begun
  bool headless = unit.front().continues;  // that line's beginning was given up before
  std::uint64_t headless_bytes = 0;
  for (const auto& [next, record] : unit.records) {
    if (record.kind == LineKind::status) {
      add(unit, record.text);
      continue;
    }
    std::string_view rest = record.text;
    while (!rest.empty()) {
      const auto end = rest.find('\n');
      const auto line = rest.substr(0, end);
      const bool whole = end != std::string_view::npos || !record.goes_on;
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
      if (headless) {
        headless_bytes += line.size();
        headless = !whole;
      } else if (!whole) {
        part += line;
      } else if (part.empty()) {
        add(unit, line);
      } else {
        part += line;
        add(unit, joined_.emplace_back(std::move(part)));
        part.clear();
      }
    }
  }
  unit.lost_bytes += headless_bytes + part.size();
  unit.lost_lines += part.empty() ? 0 : 1;
}

void LineUnits::add(LineUnit& unit, std::string_view line) {
  if (line.size() <= longest_) {
    unit.lines.push_back(line);
    return;
  }
  ++unit.lost_lines;
  unit.lost_bytes += line.size();
}

void TooLong::add(const LineUnit& unit) {
  lines += unit.lost_lines;
  bytes += unit.lost_bytes;
}

void TooLong::report(const SinkParts& parts, const std::string& sink) const {
  if (lines == 0 && bytes == 0) return;
  parts.losses.add(sink, "message", "too long", lines, bytes);
  if (lines > 0) parts.status.warning(fmt::format("Lines too long for the logger {}: {} lost", sink, lines));
}

}  // namespace osprey::agent
