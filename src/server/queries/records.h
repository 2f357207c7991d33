// What the database knows of configuration items.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/db/database.h"
#include "server/queries/compose.h"

namespace osprey::server::queries {

// The newest version of every item that is there.
Result<std::vector<Assigned>> current(db::Database& database);
// Every version of one, the newest first; empty if there never was one.
Result<std::vector<Assigned>> versions(db::Database& database, Kind kind, const std::string& name);
// Of the item as it is now; 0: there never was one. Within the transaction that is to change it.
std::int64_t version_now(db::Transaction& transaction, Kind kind, const std::string& name);
// Adds a version after `version`, the one that version_now() gave.
void add_version(db::Transaction& transaction, const Assigned& assigned, std::int64_t version);

}  // namespace osprey::server::queries
