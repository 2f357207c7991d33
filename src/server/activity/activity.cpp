#include "server/activity/activity.h"

#include <fmt/format.h>
#include <soci/soci.h>
#include <boost/json.hpp>

#include "server/activity/entries.h"
#include "server/db/text.h"
#include "server/secret.h"

namespace osprey::server::activity {
namespace {

// The head's one row is what writers take turns at: the chain has one order.
constexpr db::Migration kMigrations[] = {{.both = R"(
CREATE TABLE activity (
  id BIGINT NOT NULL PRIMARY KEY,
  recorded_at BIGINT NOT NULL,
  administrator BIGINT NOT NULL,
  name TEXT NOT NULL,
  session BIGINT NOT NULL,
  token BIGINT NOT NULL,
  address TEXT NOT NULL,
  verb TEXT NOT NULL,
  subject TEXT NOT NULL,
  details TEXT NOT NULL,
  hash TEXT NOT NULL);
CREATE INDEX activity_administrator ON activity (administrator, id);
CREATE INDEX activity_verb ON activity (verb, id);
CREATE INDEX activity_recorded_at ON activity (recorded_at);
CREATE TABLE activity_head (entries BIGINT NOT NULL, hash TEXT NOT NULL);
INSERT INTO activity_head (entries, hash) VALUES (0, '');
)",
                                          .sqlite = R"(
CREATE TRIGGER activity_update BEFORE UPDATE ON activity BEGIN SELECT RAISE(ABORT, 'activity is only ever added to'); END;
CREATE TRIGGER activity_delete BEFORE DELETE ON activity BEGIN SELECT RAISE(ABORT, 'activity is only ever added to'); END;
CREATE TRIGGER activity_head_delete BEFORE DELETE ON activity_head
BEGIN SELECT RAISE(ABORT, 'activity is only ever added to'); END;
)",
                                          .postgresql = R"(
CREATE FUNCTION activity_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'activity is only ever added to'; END $$;
CREATE TRIGGER activity_change BEFORE UPDATE OR DELETE OR TRUNCATE ON activity
FOR EACH STATEMENT EXECUTE FUNCTION activity_refuse();
CREATE TRIGGER activity_head_delete BEFORE DELETE OR TRUNCATE ON activity_head
FOR EACH STATEMENT EXECUTE FUNCTION activity_refuse();
)"}};

}  // namespace

std::string subject(std::string_view kind, std::int64_t id, std::string_view name) {
  return fmt::format("{} {} «{}»", kind, id, name);
}

void record(db::Transaction& transaction, const identity::Caller& caller, Timestamp now, const Act& act) {
  auto& sql = transaction.sql();
  Entry entry{.at = now,
              .administrator = caller.administrator,
              .name = db::storable(caller.name),
              .session = caller.session,
              .token = caller.token,
              .address = db::storable(caller.address),
              .verb = db::storable(act.verb),
              .subject = db::storable(act.subject)};
  const auto details = db::storable(boost::json::serialize(act.details));
  std::string before;
  sql << "UPDATE activity_head SET entries = entries + 1 RETURNING entries, hash", soci::into(entry.id),
      soci::into(before);
  entry.hash = hash_of(entry, details, before);
  sql << "INSERT INTO activity (id, recorded_at, administrator, name, session, token, address, verb, subject, details, "
         "hash) VALUES (:id, :at, :administrator, :name, :session, :token, :address, :verb, :subject, :details, :hash)",
      soci::use(entry.id), soci::use(entry.at.ms), soci::use(entry.administrator), soci::use(entry.name),
      soci::use(entry.session), soci::use(entry.token), soci::use(entry.address), soci::use(entry.verb),
      soci::use(entry.subject), soci::use(details), soci::use(entry.hash);
  sql << "UPDATE activity_head SET hash = :hash", soci::use(entry.hash);
}

db::Schema schema() { return {"activity", kMigrations}; }

}  // namespace osprey::server::activity
