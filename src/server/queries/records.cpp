#include "server/queries/records.h"

#include <soci/soci.h>

#include <boost/json.hpp>

#include "server/db/json.h"
#include "server/db/row.h"
#include "server/queries/queries.h"

namespace osprey::server::queries {
namespace {

namespace json = boost::json;

constexpr db::Migration kMigrations[] = {{R"sql(
CREATE TABLE queries_items (
  id {id},
  kind SMALLINT NOT NULL,
  name TEXT NOT NULL,
  version BIGINT NOT NULL,
  UNIQUE (kind, name)
);
CREATE TABLE queries_versions (
  item_id BIGINT NOT NULL REFERENCES queries_items (id),
  version BIGINT NOT NULL,
  description TEXT NOT NULL,
  content TEXT NOT NULL,
  tags TEXT NOT NULL,
  enabled SMALLINT NOT NULL,
  deleted SMALLINT NOT NULL,
  changed_at BIGINT NOT NULL,
  changed_by TEXT NOT NULL,
  PRIMARY KEY (item_id, version)
);
)sql"}};

constexpr const char* kColumns =
    "i.kind, i.name, v.version, v.description, v.content, v.tags, v.enabled, v.deleted, v.changed_at, v.changed_by "
    "FROM queries_items i JOIN queries_versions v ON v.item_id = i.id";

Assigned assigned_of(const soci::row& row) {
  Assigned made;
  auto& item = made.item;
  item.kind = static_cast<Kind>(db::whole(row, 0));
  item.name = db::text(row, 1);
  item.version = db::whole(row, 2);
  item.description = db::text(row, 3);
  item.content = db::json_object(db::text(row, 4));
  if (const auto tags = db::json_value(db::text(row, 5)); tags.is_array())
    for (const auto& tag : tags.get_array()) made.tags.push_back(tag.to_number<hosts::TagId>());
  item.enabled = db::whole(row, 6) != 0;
  item.deleted = db::whole(row, 7) != 0;
  item.changed_at = {db::whole(row, 8)};
  item.changed_by = db::text(row, 9);
  return made;
}

}  // namespace

db::Schema schema() { return {"queries", kMigrations}; }

Result<std::vector<Assigned>> current(db::Database& database) {
  return database.read([&](soci::session& sql) {
    std::vector<Assigned> items;
    const soci::rowset<soci::row> rows = (sql.prepare << "SELECT " << kColumns
                                                      << " WHERE v.version = i.version AND v.deleted = 0 "
                                                         "ORDER BY i.kind, i.name");
    for (const auto& row : rows) items.push_back(assigned_of(row));
    return items;
  });
}

Result<std::vector<Assigned>> versions(db::Database& database, Kind kind, const std::string& name) {
  return database.read([&](soci::session& sql) {
    const int number = static_cast<int>(kind);
    std::vector<Assigned> items;
    const soci::rowset<soci::row> rows =
        (sql.prepare << "SELECT " << kColumns << " WHERE i.kind = :kind AND i.name = :name ORDER BY v.version DESC",
         soci::use(number), soci::use(name));
    for (const auto& row : rows) items.push_back(assigned_of(row));
    return items;
  });
}

std::int64_t version_now(db::Transaction& transaction, Kind kind, const std::string& name) {
  const int number = static_cast<int>(kind);
  std::int64_t version = 0;
  transaction.sql() << "SELECT version FROM queries_items WHERE kind = :kind AND name = :name", soci::use(number),
      soci::use(name), soci::into(version);
  return version;
}

void add_version(db::Transaction& transaction, const Assigned& assigned, std::int64_t version) {
  auto& sql = transaction.sql();
  const auto& item = assigned.item;
  const int kind = static_cast<int>(item.kind);
  const auto next = version + 1;
  std::int64_t id = 0;
  // Whoever was first has the row; the other's update finds nothing, and its insert of the version is refused.
  if (version == 0)
    sql << "INSERT INTO queries_items (kind, name, version) VALUES (:kind, :name, :version) RETURNING id",
        soci::use(kind), soci::use(item.name), soci::use(next), soci::into(id);
  else
    sql << "UPDATE queries_items SET version = :next WHERE kind = :kind AND name = :name AND version = :before "
           "RETURNING id",
        soci::use(next), soci::use(kind), soci::use(item.name), soci::use(version), soci::into(id);
  const auto content = json::serialize(item.content);
  const auto tags = json::serialize(json::array(assigned.tags.begin(), assigned.tags.end()));
  const int enabled = item.enabled ? 1 : 0;
  const int deleted = item.deleted ? 1 : 0;
  sql << "INSERT INTO queries_versions (item_id, version, description, content, tags, enabled, deleted, changed_at, "
         "changed_by) VALUES (:id, :version, :description, :content, :tags, :enabled, :deleted, :at, :by)",
      soci::use(id), soci::use(next), soci::use(item.description), soci::use(content), soci::use(tags),
      soci::use(enabled), soci::use(deleted), soci::use(item.changed_at.ms), soci::use(item.changed_by);
}

}  // namespace osprey::server::queries
