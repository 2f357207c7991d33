// What a query may do. Everything that is not listed is refused: no file is written, no code loaded.
#pragma once

#include <array>
#include <optional>
#include <string>

struct sqlite3;

namespace osprey::sql {

// What was refused.
struct Denial {
  int action = 0;                        // SQLITE_ATTACH and the like
  std::array<std::string, 4> arguments;  // SQLite's, "null" for those that are not there
  std::string reason;
};

// Installs the allow-list of osquery's authorizer (compat section 10.1) on a connection. What was refused last is
// written to `denied`, which must outlive the connection.
void install_authorizer(sqlite3* database, std::optional<Denial>& denied);

}  // namespace osprey::sql
