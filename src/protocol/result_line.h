// The lines that results are logged as, byte for byte as osquery writes them (compat section 4).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace osprey::protocol {

using Decorations = std::map<std::string, std::string, std::less<>>;

// What the lines of one run have in common.
struct RunHeader {
  std::string name;  // of the query, its pack's prefix included
  std::string host_identifier;
  std::int64_t unix_time = 0;
  std::uint64_t epoch = 0;
  std::uint64_t counter = 0;
  bool numerics = false;
  Decorations decorations;
  bool decorations_top_level = false;
};

enum class Action : std::uint8_t { removed, added, snapshot };

// "Thu Mar  5 14:04:05 2026 UTC".
std::string calendar_time(std::int64_t unix_time);

// One line a row: {"name":…,"columns":{…},"action":"added"}.
class EventLines {
 public:
  explicit EventLines(const RunHeader& header);
  // Appends a line with its line end. `row` is an encoded row (result_row.h).
  void append(std::string& out, std::string_view row, Action action) const;

 private:
  std::string before_;  // up to the columns
  std::string after_;   // from there to the action's value
  bool numerics_;
};

// One line a run, in pieces, so that a long result need not be held whole:
// {"diffResults":{"removed":[…],"added":[…]},"name":…}. What stands before turn() and what from there on may be
// rendered in any order and put together afterwards.
class BatchLine {
 public:
  explicit BatchLine(const RunHeader& header);
  void begin(std::string& out) const;
  void removed(std::string& out, std::string_view row);
  void turn(std::string& out) const;
  void added(std::string& out, std::string_view row);
  void end(std::string& out) const;

 private:
  std::string before_;
  std::string after_;
  bool rows_;  // a decoration of the same name may have taken their place
  bool numerics_;
  bool first_removed_ = true;
  bool first_added_ = true;
};

// {"snapshot":[…],"action":"snapshot","name":…}.
class SnapshotLine {
 public:
  explicit SnapshotLine(const RunHeader& header);
  void begin(std::string& out) const;
  void row(std::string& out, std::string_view row);
  void end(std::string& out) const;

 private:
  std::string before_;
  std::string after_;
  bool rows_;
  bool numerics_;
  bool first_ = true;
};

}  // namespace osprey::protocol
