// For tests: the rows of a query.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "sql/connection.h"
#include "sql/registry.h"

namespace osprey::events::tables::testing {

// With a | between the columns.
inline std::vector<std::string> rows_of(const sql::Registry& registry, const sql::Services* services,
                                        std::string_view sql) {
  sql::Connection connection({.registry = &registry, .services = services});
  connection.begin({});
  auto statement = connection.prepare(sql);
  EXPECT_TRUE(statement) << statement.error().message;
  std::vector<std::string> rows;
  for (;;) {
    const auto row = (*statement)->step();
    if (!row) rows.push_back("error: " + row.error().message);
    if (!row || !*row) return rows;
    std::string line;
    for (std::size_t i = 0; i < (*statement)->size(); ++i)
      line += (i > 0 ? "|" : "") + std::string((*statement)->text(i));
    rows.push_back(line);
  }
}

}  // namespace osprey::events::tables::testing
