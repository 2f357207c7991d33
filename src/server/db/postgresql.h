// The database that several servers share.
#pragma once

#include <memory>

#include "base/result.h"
#include "server/db/database.h"

namespace osprey::server::db {

Result<std::unique_ptr<Database>> open_postgresql(const DatabaseOptions& options);

}  // namespace osprey::server::db
