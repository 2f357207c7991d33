// Runs every table that lives on a Root over every captured tree of tests/roots/ and compares the rows, as sorted
// JSON lines, with tests/golden/TREE/TABLE.jsonl. No file stands for no rows. `make golden` rewrites them.
//
// tests/golden/queries.txt has the query for a table that needs a constraint or has columns that differ from one
// checkout to the next (inode numbers, times): lines of "table: SELECT …". The rest is SELECT *.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "base/json.h"
#include "base/text.h"
#include "sql/connection.h"
#include "tables/tables.h"

namespace osprey::tables {
namespace {

namespace fs = std::filesystem;

const fs::path kTests = OSPREY_TESTS_DIRECTORY;

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::map<std::string, std::string> queries() {
  std::map<std::string, std::string> found;
  const auto text = read_file(kTests / "golden/queries.txt");
  for (auto line : Lines(text)) {
    if (line.empty() || line.front() == '#') continue;
    const std::string table(take_until(line, ':'));
    found[table] = trim(line);
  }
  return found;
}

std::string json_line(const sql::Statement& row) {
  std::string line = "{";
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (i) line += ",";
    append_json_string(line, row.column_name(i));
    line += ":";
    if (row.type(i) == sql::ValueType::null)
      line += "null";
    else if (row.type(i) == sql::ValueType::integer || row.type(i) == sql::ValueType::real)
      line += row.text(i);
    else
      append_json_string(line, row.text(i));
  }
  return line + "}\n";
}

// A tree, and a table that is asked about it.
using Case = std::pair<std::string, std::string>;

const sql::Registry& registry() {
  static sql::Registry registry;
  if (registry.names().empty()) registry.add(entries());
  return registry;
}

class Golden : public testing::TestWithParam<Case> {
 protected:
  // The table's rows in the tree as sorted JSON lines.
  static std::string rows(const Case& what) {
    const auto root = Root::at(kTests / "roots" / what.first);
    EXPECT_TRUE(root) << root.error().text();
    sql::Connection connection({.registry = &registry(), .root = *root});
    static const auto special = queries();
    const auto found = special.find(what.second);
    const std::string query = found == special.end() ? "SELECT * FROM " + what.second : found->second;
    std::string_view sql = query;
    connection.begin({});
    auto statement = connection.prepare(sql);
    std::vector<std::string> lines;
    while (statement) {
      const auto row = (*statement)->step();
      if (!row) statement = std::unexpected(row.error());
      if (!row || !*row) break;
      lines.push_back(json_line(**statement));
    }
    EXPECT_TRUE(statement) << statement.error().message;
    std::ranges::sort(lines);
    std::string text;
    for (const auto& line : lines) text += line;
    return text;
  }
};

TEST_P(Golden, Rows) {
  const auto actual = rows(GetParam());
  const auto path = kTests / "golden" / GetParam().first / (GetParam().second + ".jsonl");
  if (std::getenv("OSPREY_UPDATE_GOLDEN") == nullptr) {
    EXPECT_EQ(actual, fs::exists(path) ? read_file(path) : "") << "if the new rows are right: make golden";
  } else if (actual.empty()) {
    fs::remove(path);
  } else {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << actual;
  }
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const auto& entry : fs::directory_iterator(kTests / "roots")) {
    if (!entry.is_directory()) continue;
    for (const auto table : registry().names())
      if (registry().find(table)->source == sql::Table::Source::root) all.emplace_back(entry.path().filename(), table);
  }
  std::ranges::sort(all);
  return all;
}

INSTANTIATE_TEST_SUITE_P(Roots, Golden, testing::ValuesIn(cases()), [](const auto& one) {
  std::string name = one.param.first + "_" + one.param.second;
  std::ranges::replace_if(name, [](unsigned char c) { return !std::isalnum(c); }, '_');
  return name;
});

}  // namespace
}  // namespace osprey::tables
