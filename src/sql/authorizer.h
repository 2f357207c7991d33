// What a query may do. Everything that is not listed is refused: no file is written, no code loaded.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <set>
#include <string>

struct sqlite3;

namespace osprey::sql {

// What was refused.
struct Denial {
  int action = 0;                        // SQLITE_ATTACH and the like
  std::array<std::string, 4> arguments;  // SQLite's, "null" for those that are not there
  std::string reason;
};

// What the authorizer saw of the statements it was asked about.
struct Asked {
  std::optional<Denial> denied;               // what was refused last
  std::set<std::string, std::less<>> tables;  // names that are read: of tables, views and common table expressions
};

// Installs the allow-list of osquery's authorizer (compat section 10.1) on a connection. `asked` must outlive the
// connection.
void install_authorizer(sqlite3* database, Asked& asked);

}  // namespace osprey::sql
