// For the tests of this folder: a connection with the functions, and what an expression gives on it.
#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <ostream>
#include <string>
#include <string_view>

#include "sql/functions/functions.h"

namespace osprey::sql {

struct Outcome {
  bool failed = false;
  std::string text;  // the value's text form ("<NULL>" for NULL), or the error's words
  std::string type;  // as typeof() says; empty after an error
  bool operator==(const Outcome&) const = default;
};

inline void PrintTo(const Outcome& outcome, std::ostream* out) {
  *out << (outcome.failed ? "error" : outcome.type) << " «" << outcome.text << "»";
}

class FunctionsTest : public testing::Test {
 public:
  FunctionsTest() {
    sqlite3_open(":memory:", &connection_);
    register_functions(connection_, options_);
  }
  ~FunctionsTest() override { sqlite3_close(connection_); }

  // Registers anew: collations and functions of the same names are replaced.
  void be_osquery(bool compatible) {
    options_.osquery_compatible = compatible;
    register_functions(connection_, options_);
  }

  // Runs `select EXPRESSION as v, typeof(EXPRESSION) as t`.
  Outcome run(std::string_view expression) {
    const std::string query = "select v, typeof(v) from (select " + std::string(expression) + " as v)";
    sqlite3_stmt* statement = nullptr;
    Outcome outcome;
    sqlite3_prepare_v2(connection_, query.c_str(), -1, &statement, nullptr);
    if (statement && sqlite3_step(statement) == SQLITE_ROW) {
      outcome.type = column(statement, 1);
      outcome.text = sqlite3_column_type(statement, 0) == SQLITE_NULL ? "<NULL>" : column(statement, 0);
    } else {
      outcome = {true, sqlite3_errmsg(connection_), ""};
    }
    code_ = sqlite3_errcode(connection_);
    sqlite3_finalize(statement);
    return outcome;
  }
  // The text form alone, for where the type is no question.
  std::string value(std::string_view expression) {
    const auto outcome = run(expression);
    return outcome.failed ? "error: " + outcome.text : outcome.text;
  }

  FunctionOptions options_;
  sqlite3* connection_ = nullptr;
  int code_ = SQLITE_OK;  // of the last run()

 private:
  static std::string column(sqlite3_stmt* statement, int index) {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, index));
    return {text ? text : "", static_cast<std::size_t>(sqlite3_column_bytes(statement, index))};
  }
};

}  // namespace osprey::sql
