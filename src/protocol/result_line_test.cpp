// Result lines, LOG byte formats: held against what a real osqueryd logged (tests/compat/daemon).
#include "protocol/result_line.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <set>

#include "base/text.h"
#include "protocol/result_row.h"

namespace osprey::protocol {
namespace {

namespace json = boost::json;

std::string_view view(const json::string& text) { return {text.data(), text.size()}; }

// The kinds of the columns that the recordings' queries have; text where nothing is said.
bool is_whole(std::string_view query, std::string_view column) {
  static const std::set<std::string, std::less<>> kEverywhere = {
      "size", "i", "big", "shard", "active", "interval", "ran", "hits", "denylisted", "discovery_executions"};
  if (kEverywhere.contains(column)) return true;
  return (column == "a" || column == "b") && (query.starts_with("multi") || query == "dups");
}
bool is_real(std::string_view query, std::string_view column) {
  return query.starts_with("types") && (column == "d" || column == "e" || column == "f");
}

std::string encode(std::string_view query, const json::object& columns) {
  std::map<std::string, json::value> sorted;
  for (const auto& [name, value] : columns) sorted.emplace(name, value);
  std::string row;
  RowEncoder encoder(row);
  for (const auto& [name, value] : sorted) {
    if (value.is_int64())
      encoder.integer(name, value.as_int64());
    else if (value.is_double())
      encoder.real(name, value.as_double());
    else if (const auto text = view(value.as_string()); is_whole(query, name))
      encoder.integer(name, parse<std::int64_t>(text).value());
    else if (is_real(query, name))
      encoder.real(name, std::stod(std::string(text)));
    else
      encoder.text(name, text);
  }
  return row;
}

RunHeader header_of(const json::object& line) {
  static const std::set<std::string, std::less<>> kKnown = {"name",    "hostIdentifier", "calendarTime", "unixTime",
                                                            "epoch",   "counter",        "numerics",     "decorations",
                                                            "columns", "action",         "snapshot",     "diffResults"};
  RunHeader header;
  header.name = view(line.at("name").as_string());
  header.host_identifier = view(line.at("hostIdentifier").as_string());
  header.unix_time = line.at("unixTime").as_int64();
  header.epoch = json::value_to<std::uint64_t>(line.at("epoch"));
  header.counter = json::value_to<std::uint64_t>(line.at("counter"));
  header.numerics = line.at("numerics").as_bool();
  const auto take = [&](std::string_view name, const json::value& value) {
    header.decorations.emplace(name, view(value.as_string()));
  };
  if (const auto* nested = line.if_contains("decorations"))
    for (const auto& [name, value] : nested->as_object()) take(name, value);
  for (const auto& [name, value] : line) {
    if (kKnown.contains(std::string_view(name))) continue;
    header.decorations_top_level = true;
    take(name, value);
  }
  return header;
}

std::string render(const json::object& line) {
  const auto header = header_of(line);
  const auto encoded = [&](const json::value& row) { return encode(header.name, row.as_object()); };
  std::string out;
  if (const auto* changes = line.if_contains("diffResults")) {
    BatchLine batch(header);
    batch.begin(out);
    for (const auto& row : changes->at("removed").as_array()) batch.removed(out, encoded(row));
    batch.turn(out);
    for (const auto& row : changes->at("added").as_array()) batch.added(out, encoded(row));
    batch.end(out);
  } else if (const auto* rows = line.if_contains("snapshot")) {
    SnapshotLine snapshot(header);
    snapshot.begin(out);
    for (const auto& row : rows->as_array()) snapshot.row(out, encoded(row));
    snapshot.end(out);
  } else {
    const auto action = view(line.at("action").as_string());
    EventLines(header).append(out, encoded(line.at("columns")),
                              action == "removed" ? Action::removed
                              : action == "added" ? Action::added
                                                  : Action::snapshot);
  }
  return out;
}

TEST(ResultLine, RendersEveryRecordedLineAsOsqueryDid) {
  std::size_t lines = 0;
  for (const auto* run : {"diff", "batch", "numerics", "top", "pack"}) {
    for (const auto* file : {"results", "snapshots"}) {
      std::ifstream in(fmt::format(OSPREY_TESTS_DIRECTORY "/compat/daemon/{}/osqueryd.{}.log", run, file));
      ASSERT_TRUE(in) << run << ' ' << file;
      for (std::string line; std::getline(in, line) && !line.starts_with("(cut"); ++lines)
        EXPECT_EQ(render(json::parse(line).as_object()), line + '\n') << run << ' ' << file;
    }
  }
  EXPECT_EQ(lines, 167u);
}

std::string one_row() {
  std::string row;
  RowEncoder(row).integer("a", 1);
  return row;
}

RunHeader plain_header() { return {"q", "h", 0, 0, 0, false, {}, false}; }

TEST(ResultLine, NestedDecorationsStandAfterNumerics) {
  auto header = plain_header();
  header.decorations = {{"z", "\"quoted\""}, {"name", "kept apart"}};
  std::string out;
  EventLines(header).append(out, one_row(), Action::removed);
  EXPECT_EQ(out,
            R"({"name":"q","hostIdentifier":"h","calendarTime":"Thu Jan  1 00:00:00 1970 UTC","unixTime":0,"epoch":0,)"
            R"("counter":0,"numerics":false,"decorations":{"name":"kept apart","z":"\"quoted\""},"columns":{"a":"1"},)"
            R"("action":"removed"})"
            "\n");
}

TEST(ResultLine, TopLevelDecorationsReplaceTheHeaderButNotColumnsAndAction) {
  auto header = plain_header();
  header.decorations_top_level = true;
  header.decorations = {{"action", "x"}, {"columns", "y"}, {"epoch", "e"}, {"other", "o"}};
  std::string out;
  EventLines(header).append(out, one_row(), Action::added);
  const auto line = json::parse(out).as_object();
  EXPECT_EQ(line.at("action"), "added");
  EXPECT_EQ(line.at("columns"), json::value({{"a", "1"}}));
  EXPECT_EQ(line.at("epoch"), "e");
  EXPECT_EQ(line.at("other"), "o");
  EXPECT_EQ(line.size(), 10u);
}

TEST(ResultLine, TopLevelDecorationsReplaceEvenTheRowsOfALineARun) {
  auto header = plain_header();
  header.decorations_top_level = true;
  header.decorations = {{"snapshot", "x"}, {"diffResults", "y"}, {"action", "z"}};
  std::string out;
  SnapshotLine snapshot(header);
  snapshot.begin(out);
  snapshot.row(out, one_row());
  snapshot.end(out);
  auto line = json::parse(out).as_object();
  EXPECT_EQ(line.at("snapshot"), "x");
  EXPECT_EQ(line.at("action"), "z");
  out.clear();
  BatchLine batch(header);
  batch.begin(out);
  batch.removed(out, one_row());
  batch.turn(out);
  batch.added(out, one_row());
  batch.end(out);
  line = json::parse(out).as_object();
  EXPECT_EQ(line.at("diffResults"), "y");
  EXPECT_EQ(line.at("name"), "q");
}

TEST(ResultLine, CalendarTimePadsTheDayWithASpace) {
  EXPECT_EQ(calendar_time(1772719445), "Thu Mar  5 14:04:05 2026 UTC");
}

}  // namespace
}  // namespace osprey::protocol
