#include <algorithm>
#include <set>

#include "agent/carve/carver.h"
#include "agent/tables/table.h"
#include "linux/files/path_walk.h"

namespace osprey::agent::tables {
namespace {

constexpr std::size_t kMostFiles = 10'000;  // of one pattern

struct Row {
  Carve carve;
  bool requested = false;  // by this very query

  std::int64_t time() const { return carve.time; }
  const std::string& sha256() const { return carve.sha256; }
  std::int64_t size() const { return carve.size; }
  std::string path() const { return carve.joined_paths(); }
  std::string_view status() const { return name_of(carve.status); }
  const std::string& guid() const { return carve.guid; }
  const std::string& request_id() const { return carve.request_id; }
  const std::string& error() const { return carve.error; }
};

// The regular files that a pattern finds; a warning and none where there are too many.
std::vector<std::string> found_by(const Scan& scan, const std::string& pattern) {
  linux::PathWalk::Options options;
  options.dialect = scan.osquery_compatible() ? linux::PatternDialect::osquery : linux::PatternDialect::sql;
  options.interrupt = &scan.interrupt();
  options.budget = scan.service<linux::IoBudget>();
  options.on_error = [&scan](const Error& error) { scan.warn(error); };
  linux::PathWalk walk(scan.root(), std::move(options));
  walk.add_pattern(pattern);
  std::vector<std::string> paths;
  while (walk.next()) {
    if (walk.type() == S_IFLNK ? !walk.facts() || !S_ISREG(walk.facts()->stx_mode) : walk.type() != S_IFREG) continue;
    if (paths.size() == kMostFiles) {
      scan.warn({0, pattern, "it matches more than 10000 files, so none is carved: ask for fewer"});
      return {};
    }
    paths.emplace_back(walk.path());
  }
  if (paths.empty()) scan.warn({0, pattern, "no file to carve"});
  return paths;
}

// What the query asks to be carved: a list a carve.
std::vector<std::vector<std::string>> asked_paths(const Scan& scan) {
  std::vector<std::vector<std::string>> asked;
  if (const auto paths = scan.texts("path")) {
    for (const auto& path : *paths) asked.push_back({path});
    return asked;
  }
  for (const auto& pattern : scan.patterns("path"))
    if (pattern.kind == sql::Pattern::Kind::like)
      if (auto found = found_by(scan, pattern.text); !found.empty()) asked.push_back(std::move(found));
  if (asked.empty()) scan.warn({0, {}, "carve = 1 says not what: add a condition on path with = or LIKE"});
  return asked;
}

Rows<Row> scan(const Scan& scan) {
  const auto carve = scan.integers("carve");
  const bool wanted = carve && std::ranges::find(*carve, 1) != carve->end();
  auto* desk = scan.service<CarveDesk>();
  if (!desk) {
    if (wanted) scan.warn({0, {}, "nothing is carved here: the agent does with --disable_carver=false and a server"});
    co_return;
  }
  std::set<std::string> requested;
  if (wanted) {
    const auto asked = asked_paths(scan);
    for (const auto& paths : asked) {
      auto made = scan.take(desk->request(paths));
      if (!made) continue;
      requested.insert(made->guid);
      Row row{std::move(*made), true};
      co_yield row;
    }
  }
  auto carves = desk->list();
  for (auto& one : carves) {
    if (requested.contains(one.guid)) continue;
    Row row{std::move(one)};
    co_yield row;
  }
}

}  // namespace

Table carves() {
  return table("carves", "Files that were asked for, packed and sent to the server.", scan)
      .column("time", BIGINT, &Row::time, "When it was asked for, Unix seconds.")
      .column("sha256", TEXT, &Row::sha256, "SHA-256 of the archive.", NOCASE)
      .column("size", BIGINT, &Row::size, "Bytes of the archive; -1 until it is made.")
      .column("path", TEXT, &Row::path, "The paths asked for, joined by commas.", ADDITIONAL)
      .column("status", TEXT, &Row::status,
              "SCHEDULED, STARTING while it is packed, PENDING while it is sent, SUCCESS, CREATE PATHS FAILED, "
              "ARCHIVE FAILED, COMPRESS FAILED, DATA POST FAILED.")
      .column("carve_guid", TEXT, &Row::guid, "Its number.", INDEX | NOCASE)
      .column("request_id", TEXT, &Row::request_id,
              "Of the distributed query that asked for it; drawn where none did, and always under osquery's name.")
      .column("carve", INTEGER, &Row::requested, "Set to 1 in a query, `path` is carved.", ADDITIONAL)
      .column("error", &Row::error, "Why it failed, or which files are missing from it.", HIDDEN)
      .note("`=`, IN and LIKE on path say what is carved: each path of = or IN, all regular files of a LIKE as one.")
      .note("It takes --disable_carver=false, a server, and --carver_start_endpoint and --carver_continue_endpoint.")
      .example("SELECT path, status FROM carves")
      .example("SELECT carve_guid, status FROM carves WHERE path = '/etc/hosts' AND carve = 1");
}

}  // namespace osprey::agent::tables
