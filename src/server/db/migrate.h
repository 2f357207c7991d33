// Which migrations a database still lacks; the databases run them under a lock of theirs.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "base/result.h"
#include "server/db/schema.h"

namespace soci {
class session;
}

namespace osprey::server::db {

// Brings a database up to date within a transaction of the caller's. `execute` runs statements without values on `sql`.
// Throws soci::soci_error.
struct MigrationRun {
  Dialect dialect;
  soci::session& sql;
  std::function<Result<void>(const std::string& statements)> execute;
};
Result<void> migrate(const MigrationRun& run, std::span<const Schema> schemas);

}  // namespace osprey::server::db
