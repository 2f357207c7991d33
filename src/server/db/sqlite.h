// The database in a file: one writer at a time, readers beside it (write-ahead log), what is acknowledged is on the
// disk.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "server/db/database.h"

namespace osprey::server::db {

Result<std::unique_ptr<Database>> open_sqlite(const std::string& path, const DatabaseOptions& options);

}  // namespace osprey::server::db
