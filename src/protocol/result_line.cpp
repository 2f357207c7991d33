#include "protocol/result_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>
#include <vector>

#include "base/json.h"
#include "protocol/result_row.h"

namespace osprey::protocol {
namespace {

// The place of the rows in a line: no value has it, JSON text holds no NUL.
constexpr std::string_view kRows("\0", 1);

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

// A line's members in osquery's order, which shows where a decoration at top level bears a name that is taken: the
// member of that name goes, the last one moves to its place and the new one comes last.
class Members {
 public:
  void put(std::string_view name, std::string json) {
    const auto found = std::ranges::find(members_, name, &Member::name);
    if (found != members_.end()) {
      *found = std::move(members_.back());
      members_.pop_back();
    }
    members_.push_back({std::string(name), std::move(json)});
  }

  void put_header(const RunHeader& header) {
    put("name", json_string(header.name));
    put("hostIdentifier", json_string(header.host_identifier));
    put("calendarTime", json_string(calendar_time(header.unix_time)));
    put("unixTime", fmt::to_string(header.unix_time));
    put("epoch", fmt::to_string(header.epoch));
    put("counter", fmt::to_string(header.counter));
    put("numerics", header.numerics ? "true" : "false");
    if (header.decorations_top_level) {
      for (const auto& [name, value] : header.decorations) put(name, json_string(value));
    } else if (!header.decorations.empty()) {
      put("decorations", decorations(header.decorations));
    }
  }

  // The object up to the rows and from there on, without its closing brace. Without rows all of it is in the latter.
  struct Halves {
    std::string before;
    std::string after;
    bool rows = false;
  };
  Halves halves() const {
    Halves halves;
    std::string text = "{";
    for (const auto& [name, json] : members_) {
      if (text.size() > 1 || halves.rows) text += ',';
      append_json_string(text, name);
      text += ':';
      if (json == kRows) {
        halves.before = std::exchange(text, {});
        halves.rows = true;
      } else {
        text += json;
      }
    }
    halves.after = std::move(text);
    return halves;
  }

 private:
  struct Member {
    std::string name;
    std::string json;
  };

  static std::string decorations(const Decorations& decorations) {
    std::string out;
    for (const auto& [name, value] : decorations) {
      out += out.empty() ? '{' : ',';
      append_json_string(out, name);
      out += ':';
      append_json_string(out, value);
    }
    return out + '}';
  }

  std::vector<Member> members_;
};

std::string_view name_of(Action action) {
  switch (action) {
    case Action::removed:
      return "removed";
    case Action::added:
      return "added";
    case Action::snapshot:
      break;
  }
  return "snapshot";
}

void append_listed(std::string& out, std::string_view row, bool numerics, bool& first) {
  if (!std::exchange(first, false)) out += ',';
  append_columns(out, row, numerics);
}

}  // namespace

std::string calendar_time(std::int64_t unix_time) {
  constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = unix_time;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{} {} {:2} {:02}:{:02}:{:02} {} UTC", kDays[static_cast<std::size_t>(parts.tm_wday)],
                     kMonths[static_cast<std::size_t>(parts.tm_mon)], parts.tm_mday, parts.tm_hour, parts.tm_min,
                     parts.tm_sec, parts.tm_year + 1900);
}

EventLines::EventLines(const RunHeader& header) : numerics_(header.numerics) {
  Members members;
  members.put_header(header);
  members.put("columns", std::string(kRows));
  members.put("action", {});
  auto halves = members.halves();
  before_ = std::move(halves.before);
  after_ = std::move(halves.after);
}

void EventLines::append(std::string& out, std::string_view row, Action action) const {
  out += before_;
  append_columns(out, row, numerics_);
  out.append(after_).append("\"").append(name_of(action)).append("\"}\n");
}

BatchLine::BatchLine(const RunHeader& header) : numerics_(header.numerics) {
  Members members;
  members.put("diffResults", std::string(kRows));
  members.put_header(header);
  auto halves = members.halves();
  rows_ = halves.rows;
  before_ = std::move(halves.before);
  after_ = std::move(halves.after) + "}\n";
}

void BatchLine::begin(std::string& out) const {
  out += before_;
  if (rows_) out += R"({"removed":[)";
}

void BatchLine::turn(std::string& out) const {
  if (rows_) out += R"(],"added":[)";
}

void BatchLine::end(std::string& out) const {
  if (rows_) out += "]}";
  out += after_;
}

void BatchLine::removed(std::string& out, std::string_view row) {
  if (rows_) append_listed(out, row, numerics_, first_removed_);
}

void BatchLine::added(std::string& out, std::string_view row) {
  if (rows_) append_listed(out, row, numerics_, first_added_);
}

SnapshotLine::SnapshotLine(const RunHeader& header) : numerics_(header.numerics) {
  Members members;
  members.put("snapshot", std::string(kRows));
  members.put("action", R"("snapshot")");
  members.put_header(header);
  auto halves = members.halves();
  rows_ = halves.rows;
  before_ = std::move(halves.before);
  after_ = std::move(halves.after) + "}\n";
}

void SnapshotLine::begin(std::string& out) const {
  out += before_;
  if (rows_) out += '[';
}

void SnapshotLine::row(std::string& out, std::string_view row) {
  if (rows_) append_listed(out, row, numerics_, first_);
}

void SnapshotLine::end(std::string& out) const {
  if (rows_) out += ']';
  out += after_;
}

}  // namespace osprey::protocol
