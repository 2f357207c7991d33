#include "agent/config/auto_tables.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "linux/files/path_walk.h"
#include "linux/files/sqlite.h"

namespace osprey::agent {
namespace {

using linux::SqliteFile;
using sql::Scan;

constexpr std::string_view kPath = "path";
constexpr auto kTimeCap = std::chrono::seconds(10);  // a file
constexpr int kValueCap = 4 << 20;
// Of a file's rows: they are kept until it is known that they belong together.
constexpr std::size_t kBytesCap = 32 << 20;
constexpr std::size_t kValueOverhead = 64;  // what an empty value takes, too

// The values of one row, in the order of the table's columns.
using Row = std::vector<std::string>;

// For each of the table's columns the query's column of that name, the last as osquery has it; -1 without one.
std::vector<int> places(const std::vector<std::string>& columns, const SqliteFile::Query& query, const Scan& scan) {
  std::vector<int> found(columns.size() - 1, -1);  // without the path
  for (std::size_t i = 0; i < found.size(); ++i)
    for (int j = 0; j < query.size() && scan.wants(columns[i]); ++j)
      if (query.column_name(j) == columns[i]) found[i] = j;
  return found;
}

Result<void> read_rows(SqliteFile& file, const protocol::AutoTable& table, const std::string& path, const Scan& scan,
                       std::vector<Row>& rows) {
  rows.clear();
  auto query = TRY(file.query(table.sql));
  const auto from = places(table.columns, query, scan);
  std::size_t bytes = 0;
  while (TRY(query.next())) {
    Row row(table.columns.size());
    for (std::size_t i = 0; i < from.size(); ++i) {
      if (from[i] >= 0) row[i] = query.text(from[i]);
      bytes += row[i].size() + kValueOverhead;
    }
    row.back() = path;
    bytes += path.size() + kValueOverhead;
    if (bytes > kBytesCap) return failure(path, "its rows take more than 32 MiB: let the table's query ask for less");
    rows.push_back(std::move(row));
  }
  return {};
}

bool is_companion(std::string_view path) {
  return path.ends_with("-wal") || path.ends_with("-shm") || path.ends_with("-journal");
}

// osquery's patterns for files: those of glob(3), with % for *.
void add(linux::PathWalk& walk, std::string path) {
  std::ranges::replace(path, '*', '%');
  if (path.contains('%'))
    walk.add_pattern(path);
  else
    walk.add_path(std::move(path));
}

sql::Rows<Row> scan_files(const Scan& scan) {
  const auto& table = scan.subject<protocol::AutoTable>();
  linux::PathWalk walk(scan.root(), {.dialect = linux::PatternDialect::osquery,
                                     .interrupt = &scan.interrupt(),
                                     .on_error = [&scan](const Error& error) { scan.warn(error); }});
  add(walk, table.path);
  std::vector<Row> rows;
  while (walk.next()) {
    const std::string path(walk.path());
    if (!scan.matches(kPath, path) || is_companion(path)) continue;
    const auto read = [&](SqliteFile& file) { return read_rows(file, table, path, scan, rows); };
    const auto result = SqliteFile::read_whole(scan.root(), path, scan.interrupt(),
                                               {.views = true, .value_cap = kValueCap, .time = kTimeCap}, read);
    if (!result) {
      scan.warn(result.error());
      continue;
    }
    for (auto& row : rows) co_yield row;
  }
}

std::shared_ptr<const sql::Table> make_table(const protocol::AutoTable& declared) {
  auto builder = sql::table<Row>(declared.name, "Auto table construction: " + declared.sql, scan_files);
  for (std::size_t i = 0; i < declared.columns.size(); ++i) {
    const bool last = i + 1 == declared.columns.size();
    std::move(builder).column(  // NOLINT(bugprone-use-after-move): column() moves nothing away
        declared.columns[i], sql::TEXT, [i](const Row& row) { return std::string_view(row[i]); },
        last ? "The database's file." : "As the table's query yields it.", last ? sql::PASSED : sql::Option::none);
  }
  sql::Table table = std::move(builder).about(std::make_shared<const protocol::AutoTable>(declared));
  return std::make_shared<const sql::Table>(std::move(table));
}

// Why a table cannot have this name; empty if it can.
std::string name_taken(std::string_view name, const AutoTables& made, const sql::Registry& registry,
                       const Views& views) {
  const auto same = [&](std::string_view other) { return equal_ignoring_case(name, other); };
  if (name.empty()) return "a table needs a name";
  if (name.starts_with("sqlite_") || name.starts_with("pragma_") || name.starts_with("json_"))
    return "SQLite has such names for itself";
  if (std::ranges::any_of(registry.names(), same)) return "a table of the program has this name";
  if (std::ranges::any_of(views, [&](const auto& view) { return same(view.first); }))
    return "a view of the configuration has this name";
  if (std::ranges::any_of(made.tables, [&](const auto& table) { return same(table->name); }))
    return "another table of the configuration has this name";
  return {};
}

}  // namespace

AutoTables make_auto_tables(const std::vector<protocol::AutoTable>& declared, const sql::Registry& registry,
                            const Views& views) {
  AutoTables made;
  for (auto table : declared) {
    const auto note = [&](std::string text) {
      made.notes.push_back({fmt::format("auto_table_construction: {}", table.name), std::move(text)});
    };
    if (const auto reason = name_taken(table.name, made, registry, views); !reason.empty()) {
      note(fmt::format("refused: {}", reason));
      continue;
    }
    std::vector<std::string> columns;
    for (auto& name : table.columns) {
      if (equal_ignoring_case(name, kPath))
        note("the column path is always there, as the last: it need not be listed");
      else if (name.empty() || name.find_first_of(std::string_view("`\0", 2)) != name.npos)
        note(fmt::format("the column \"{}\" is left out: that is no name", name));
      else if (std::ranges::any_of(columns, [&](const auto& other) { return equal_ignoring_case(name, other); }))
        note(fmt::format("the column {} is listed twice", name));
      else
        columns.push_back(std::move(name));
    }
    columns.emplace_back(kPath);
    table.columns = std::move(columns);
    made.tables.push_back(make_table(table));
  }
  return made;
}

}  // namespace osprey::agent
