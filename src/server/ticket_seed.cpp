#include "server/ticket_seed.h"

#include <soci/soci.h>

#include <cstdlib>

#include "server/secret.h"

namespace osprey::server {
namespace {

constexpr db::Migration kMigrations[] = {
    {.both = R"(
CREATE TABLE tls_ticket_seed (id SMALLINT PRIMARY KEY, seed TEXT NOT NULL, made_at BIGINT NOT NULL);
)",
     .sqlite = "",
     .postgresql = ""},
};

// Empty: none that is still to be used.
std::string seed_in(soci::session& sql, Timestamp now) {
  std::string seed;
  std::int64_t made_at = 0;
  sql << "SELECT seed, made_at FROM tls_ticket_seed WHERE id = 1", soci::into(seed), soci::into(made_at);
  return std::abs(now.ms - made_at) < kTicketSeedMs ? seed : "";
}

}  // namespace

Result<std::string> ticket_seed(db::Database& database, Timestamp now) {
  auto seed = TRY(database.read([&](soci::session& sql) { return seed_in(sql, now); }));
  if (!seed.empty()) return seed;
  return database.write([&](db::Transaction& transaction) -> Result<std::string> {
    auto& sql = transaction.sql();
    // Another server may have been faster.
    auto made = seed_in(sql, now);
    if (!made.empty()) return made;
    made = random_secret();
    sql << "INSERT INTO tls_ticket_seed (id, seed, made_at) VALUES (1, :seed, :made_at) "
           "ON CONFLICT (id) DO UPDATE SET seed = excluded.seed, made_at = excluded.made_at",
        soci::use(made), soci::use(now.ms);
    return made;
  });
}

db::Schema ticket_seed_schema() { return {"tickets", kMigrations}; }

}  // namespace osprey::server
