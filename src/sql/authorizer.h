// What a query may do. Everything that is not listed is refused: no file is written, no code loaded.
#pragma once

#include <string>

struct sqlite3;

namespace osprey::sql {

// Installs the allow-list of osquery's authorizer (compat section 10.1) on a connection. What was refused last is
// written to `denied`, which must outlive the connection.
void install_authorizer(sqlite3* database, std::string& denied);

}  // namespace osprey::sql
