// Pages of a table by its last_at and id, the latest first.
#pragma once

#include <soci/soci.h>

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/text.h"
#include "server/api/page.h"
#include "server/db/database.h"

namespace osprey::server::enrollment {

// `select`: "SELECT id, last_at, …, FROM table"; `bind(statement)` binds soci::into for what follows the two, `read()`
// gives the item of the row that was fetched.
template <class T, class Bind, class Read>
Result<api::Page<T>> latest_first(db::Database& database, std::string_view select, const api::PageRequest& wanted,
                                  Bind bind, Read read) {
  std::int64_t at = INT64_MAX, id = INT64_MAX;
  if (wanted.after) {
    const auto keys = TRY(api::read_cursor(*wanted.after, 2));
    at = parse<std::int64_t>(keys[0]).value_or(0);
    id = parse<std::int64_t>(keys[1]).value_or(0);
  }
  return database.read([&](soci::session& sql) {
    api::Page<T> page;
    const auto most = wanted.limit + 1;
    std::int64_t row_id = 0, row_at = 0;
    auto prepared =
        (sql.prepare << select
                     << " WHERE last_at < :at OR (last_at = :at AND id < :id) "
                        "ORDER BY last_at DESC, id DESC LIMIT :most",
         soci::use(at, "at"), soci::use(id, "id"), soci::use(most, "most"), soci::into(row_id), soci::into(row_at));
    soci::statement statement(bind(prepared));
    statement.execute();
    std::string cursor;
    while (statement.fetch()) {
      if (static_cast<std::int64_t>(page.items.size()) == wanted.limit) {
        page.next = cursor;
        break;
      }
      page.items.push_back(read(Timestamp{row_at}));
      cursor = api::make_cursor({std::to_string(row_at), std::to_string(row_id)});
    }
    return page;
  });
}

}  // namespace osprey::server::enrollment
