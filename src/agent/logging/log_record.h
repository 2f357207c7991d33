// A record of the log buffer as the store has it.
//
// Format: whole numbers are little-endian. Lines and bytes before it (8 bytes each), the time it was made in Unix
// seconds (8), lines (4), size of the text (4), flags (1), length of the query's name (2), the name, the text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/logging/log_buffer.h"

namespace osprey::agent {

// How much of a queue: lines, and bytes as stored.
struct LogAmount {
  std::uint64_t lines = 0;
  std::uint64_t bytes = 0;

  LogAmount& operator+=(const LogAmount& other) noexcept {
    lines += other.lines;
    bytes += other.bytes;
    return *this;
  }
  LogAmount& operator-=(const LogAmount& other) noexcept {
    lines -= other.lines;
    bytes -= other.bytes;
    return *this;
  }
  friend LogAmount operator+(LogAmount a, const LogAmount& b) noexcept { return a += b; }
  friend LogAmount operator-(LogAmount a, const LogAmount& b) noexcept { return a -= b; }
  bool operator==(const LogAmount&) const = default;
};

// What can be told of a record without unpacking it.
struct RecordHeader {
  LogAmount before;  // all that was queued before it since the buffer was made; of a staged record: in its part
  std::int64_t unix_time = 0;
  std::uint32_t lines = 0;
  std::uint32_t text_size = 0;
  bool continues = false;
};

// The text is compressed where that is worth it. What is before it is not known yet.
std::string encode_record(const LineRecord& record, std::int64_t unix_time);
void set_before(std::string& stored, const LogAmount& before);
// Empty for bytes that are no record.
std::optional<RecordHeader> decode_header(std::string_view stored);
std::optional<LineRecord> decode_record(std::string_view stored);

// Fixed-width numbers, for what is stored beside records.
void append_number(std::string& out, std::uint64_t number);
// Takes eight bytes off the front; empty if there are fewer.
std::optional<std::uint64_t> take_number(std::string_view& bytes) noexcept;

}  // namespace osprey::agent
