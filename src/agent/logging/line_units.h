// LineUnits: records cut into lines, for sinks that send every line as a message of its own.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/logging/log_buffer.h"
#include "agent/logging/sink.h"

namespace osprey::agent {

// The smallest run of records that ends where a line ends: one record, or as many as a line in parts has. A sink takes
// all of it or nothing.
struct LineUnit {
  std::span<const LogDelivery> records;
  std::vector<std::string_view> lines;  // without their line ends; of a status, the encoded StatusLine
  std::uint64_t lost_lines = 0;         // longer than a message may be
  std::uint64_t lost_bytes = 0;

  const LineRecord& front() const { return records.front().record; }
};

// Reads `records`, which must outlive it. A line whose end is not among them ends the units before its record, to be
// offered again with what follows; where it is in the first record already, no more can be offered at once and it
// counts as too long: its beginning is taken and lost. The rest of such a line comes without its beginning, and is
// lost too.
class LineUnits {
 public:
  LineUnits(std::span<const LogDelivery> records, std::size_t longest_line);
  // In order; of `records` from the first on, what they hold can be taken.
  const std::vector<LineUnit>& units() const { return units_; }

 private:
  void read(LineUnit& unit);
  void add(LineUnit& unit, std::string_view line);

  std::size_t longest_;
  std::vector<LineUnit> units_;
  std::deque<std::string> joined_;  // lines that stand in several records
};

// Sink::most_bytes() for a line of `longest` bytes to be whole in a delivery, wherever in a record it begins.
constexpr std::size_t offer_for_lines(std::size_t longest) { return longest + 2 * kRecordText; }

// Lines that are longer than a message of `sink` may be, once they are passed over: counted, and a word about it.
struct TooLong {
  std::uint64_t lines = 0;
  std::uint64_t bytes = 0;
  void add(const LineUnit& unit);
  void report(const SinkParts& parts, const std::string& sink) const;
};

}  // namespace osprey::agent
