// The smallest thing that answers: one query, JSON out. The shell takes its place.
#include <cstdio>
#include <string>

#include "base/json.h"
#include "sql/connection.h"
#include "tables/tables.h"

int main(int argc, char** argv) {
  using namespace osprey;
  sql::Registry registry;
  registry.add(tables::entries());
  sql::Connection connection({.registry = &registry});
  connection.begin({});
  std::string_view query = argc > 1 ? argv[argc - 1] : "";
  auto statement = connection.prepare(query);
  std::string out = "[\n";
  for (bool first = true; statement && *statement; first = false) {
    const auto row = (*statement)->step();
    if (!row) {
      std::fprintf(stderr, "Error: %s\n", row.error().message.c_str());
      return row.error().code;
    }
    if (!*row) break;
    if (!first) out += ",\n";
    out += "  {";
    for (std::size_t i = 0; i < (*statement)->size(); ++i) {
      if (i) out += ',';
      append_json_string(out, (*statement)->column_name(i));
      out += ':';
      append_json_string(out, (*statement)->text(i));
    }
    out += '}';
  }
  if (!statement) {
    std::fprintf(stderr, "Error: %s %s\n", statement.error().message.c_str(), statement.error().hint.c_str());
    return statement.error().code;
  }
  std::printf("%s\n]\n", out.c_str());
  for (const auto& warning : connection.warnings().list())
    std::fprintf(stderr, "W %s: %s\n", warning.table.c_str(), warning.error.text().c_str());
  return 0;
}
