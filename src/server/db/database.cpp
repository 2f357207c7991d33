#include "server/db/database.h"

#include <fmt/format.h>

#include "server/db/noting_transaction.h"
#include "server/db/postgresql.h"
#include "server/db/sqlite.h"

namespace osprey::server::db {

Result<void> check(const Notification& notification) {
  if (notification.payload.size() <= kPayloadMost) return {};
  return failure("database", fmt::format("a notification on '{}' has {} bytes, {} are the most", notification.channel,
                                         notification.payload.size(), kPayloadMost));
}

Result<std::unique_ptr<Database>> open(const DatabaseOptions& options) {
  constexpr std::string_view kSqlite = "sqlite:";
  const std::string_view url = options.url;
  if (url.starts_with(kSqlite) && url.size() > kSqlite.size())
    return open_sqlite(std::string(url.substr(kSqlite.size())), options);
  if (url.starts_with("postgresql://") || url.starts_with("postgres://")) return open_postgresql(options);
  // The URL is not shown: it may hold a password.
  return failure("database", "the URL must be sqlite:PATH or postgresql://USER@HOST:PORT/NAME");
}

}  // namespace osprey::server::db
