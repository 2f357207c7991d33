// Sessions of SOCI's as we want them: bound text is storable (text.h), and the database's own connection is at hand for
// what SOCI does not carry.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <string>

#include "base/result.h"

struct sqlite3;

namespace soci {
class session;
}

namespace osprey::server::db {

// Throw soci::soci_error.
std::unique_ptr<soci::session> open_sqlite_session(const std::string& path);
std::unique_ptr<soci::session> open_postgresql_session(const std::string& conninfo);

// The connection beneath; null where the session is of the other kind.
PGconn* postgresql_connection(soci::session& session);
::sqlite3* sqlite_connection(soci::session& session);

}  // namespace osprey::server::db
