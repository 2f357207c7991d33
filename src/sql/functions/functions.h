// The SQL functions, aggregates and collations that osquery adds to SQLite's.
#pragma once

#include <sqlite3.h>

#include <functional>
#include <string>

namespace osprey::sql {

class Carving;

struct FunctionOptions {
  // The program runs under osquery's own names: results that osprey mends are as osquery has them.
  bool osquery_compatible = false;
  // Asked by what may take long (sleep, regular expressions); true ends the statement with SQLITE_INTERRUPT.
  std::function<bool()> interrupted;
  // Takes what osquery logs as a warning.
  std::function<void(std::string)> warn;
  // For carve(); null where files are not carved.
  Carving* carving = nullptr;
};

// Registers every function, aggregate and collation on one connection. The options must outlive it.
// Throws std::runtime_error with SQLite's words where the connection refuses one.
void register_functions(sqlite3* connection, const FunctionOptions& options);

}  // namespace osprey::sql
