#include "server/enrollment/conflicts.h"

#include <soci/soci.h>

#include "server/enrollment/latest_first.h"

namespace osprey::server::enrollment {

void add_conflict(db::Transaction& transaction, const Conflict& conflict) {
  const std::string kind(api::name_of(conflict.kind));
  transaction.sql()
      << "INSERT INTO enrollment_conflict (identifier, host_id, address, other_host_id, other_address, kind, "
         "first_at, last_at) VALUES (:identifier, :host, :address, :other, :other_address, :kind, :first, :last) "
         "ON CONFLICT (host_id, other_host_id) DO UPDATE SET kind = excluded.kind, address = excluded.address, "
         "other_address = excluded.other_address, last_at = excluded.last_at",
      soci::use(conflict.identifier), soci::use(conflict.host), soci::use(conflict.address),
      soci::use(conflict.other_host), soci::use(conflict.other_address), soci::use(kind),
      soci::use(conflict.first_at.ms), soci::use(conflict.last_at.ms);
}

Result<api::Page<Conflict>> list_conflicts(db::Database& database, const api::PageRequest& page) {
  Conflict row;
  std::string kind;
  return latest_first<Conflict>(
      database,
      "SELECT id, last_at, identifier, host_id, address, other_host_id, other_address, kind, first_at FROM "
      "enrollment_conflict",
      page,
      [&](auto& statement) -> auto& {
        statement, soci::into(row.identifier), soci::into(row.host), soci::into(row.address),
            soci::into(row.other_host), soci::into(row.other_address), soci::into(kind), soci::into(row.first_at.ms);
        return statement;
      },
      [&](Timestamp last) {
        row.kind = api::named<ConflictKind>(kind).value_or(ConflictKind::same_identifier);
        row.last_at = last;
        return row;
      });
}

}  // namespace osprey::server::enrollment
