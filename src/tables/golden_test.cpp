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

class Golden : public testing::TestWithParam<std::string> {};

TEST_P(Golden, EveryTable) {
  sql::Registry registry;
  registry.add(entries());
  auto root = Root::at(kTests / "roots" / GetParam());
  ASSERT_TRUE(root) << root.error().text();
  sql::Connection connection({.registry = &registry, .root = *root});
  const auto special = queries();
  const bool update = std::getenv("OSPREY_UPDATE_GOLDEN") != nullptr;
  for (const auto name : registry.names()) {
    if (registry.find(name)->source != sql::Table::Source::root) continue;
    SCOPED_TRACE(std::string(name));
    const auto found = special.find(std::string(name));
    const std::string query = found == special.end() ? "SELECT * FROM " + std::string(name) : found->second;
    connection.begin({});
    std::string_view sql = query;
    auto statement = connection.prepare(sql);
    ASSERT_TRUE(statement) << statement.error().message;
    std::vector<std::string> lines;
    for (;;) {
      const auto row = (*statement)->step();
      ASSERT_TRUE(row) << row.error().message;
      if (!*row) break;
      lines.push_back(json_line(**statement));
    }
    std::ranges::sort(lines);
    std::string actual;
    for (const auto& line : lines) actual += line;
    const auto path = kTests / "golden" / GetParam() / (std::string(name) + ".jsonl");
    if (!update) {
      EXPECT_EQ(actual, fs::exists(path) ? read_file(path) : "") << "if the new rows are right: make golden";
    } else if (actual.empty()) {
      fs::remove(path);
    } else {
      fs::create_directories(path.parent_path());
      std::ofstream(path, std::ios::binary) << actual;
    }
  }
}

std::vector<std::string> trees() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kTests / "roots"))
    if (entry.is_directory()) names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Roots, Golden, testing::ValuesIn(trees()), [](const auto& tree) {
  std::string name = tree.param;
  std::ranges::replace_if(name, [](unsigned char c) { return !std::isalnum(c); }, '_');
  return name;
});

}  // namespace
}  // namespace osprey::tables
