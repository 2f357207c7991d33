#include "server/tags/records.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <soci/soci.h>

namespace osprey::server::tags {
namespace {

using soci::into;
using soci::use;

std::vector<Fault> fetch_faults(soci::statement& statement, Fault& read) {
  statement.execute();
  std::vector<Fault> faults;
  while (statement.fetch()) faults.push_back(read);
  return faults;
}

}  // namespace

std::vector<Tag> load_tags(soci::session& sql) {
  Tag tag;
  soci::statement statement =
      (sql.prepare << "SELECT id, name, description, rank, query, condition, revision, created_at, changed_at FROM tags"
                      " ORDER BY rank, id",
       into(tag.id), into(tag.name), into(tag.description), into(tag.rank), into(tag.query), into(tag.condition),
       into(tag.revision), into(tag.created.ms), into(tag.changed.ms));
  statement.execute();
  std::vector<Tag> tags;
  while (statement.fetch()) tags.push_back(tag);
  return tags;
}

std::int64_t next_revision(soci::session& sql) {
  std::int64_t revision = 0;
  sql << "UPDATE tag_revision SET revision = revision + 1 RETURNING revision", into(revision);
  return revision;
}

TagId insert_tag(soci::session& sql, const Tag& tag) {
  TagId id = 0;
  sql << "INSERT INTO tags (name, description, rank, query, condition, revision, created_at, changed_at)"
         " VALUES (:name, :description, :rank, :query, :condition, :revision, :created, :changed) RETURNING id",
      use(tag.name), use(tag.description), use(tag.rank), use(tag.query), use(tag.condition), use(tag.revision),
      use(tag.created.ms), use(tag.changed.ms), into(id);
  return id;
}

bool update_tag(soci::session& sql, const Tag& tag) {
  soci::statement statement =
      (sql.prepare << "UPDATE tags SET name = :name, description = :description, rank = :rank, query = :query,"
                      " condition = :condition, revision = :revision, changed_at = :changed WHERE id = :id",
       use(tag.name), use(tag.description), use(tag.rank), use(tag.query), use(tag.condition), use(tag.revision),
       use(tag.changed.ms), use(tag.id));
  statement.execute(true);
  return statement.get_affected_rows() > 0;
}

bool delete_tag(soci::session& sql, TagId tag) {
  sql << "DELETE FROM tag_faults WHERE tag_id = :tag", use(tag);
  soci::statement statement = (sql.prepare << "DELETE FROM tags WHERE id = :tag", use(tag));
  statement.execute(true);
  return statement.get_affected_rows() > 0;
}

void write_round(soci::session& sql, const Round& round) {
  // A host that has just been removed gets none.
  sql << "INSERT INTO tag_rounds (host_id, ended_at, revision)"
         " SELECT id, CAST(:ended AS BIGINT), CAST(:revision AS BIGINT) FROM hosts WHERE id = :host"
         " ON CONFLICT (host_id) DO UPDATE SET ended_at = excluded.ended_at, revision = excluded.revision",
      use(round.ended.ms), use(round.revision), use(round.host);
}

std::vector<Round> load_rounds(soci::session& sql) {
  Round round;
  soci::statement statement = (sql.prepare << "SELECT host_id, ended_at, revision FROM tag_rounds", into(round.host),
                               into(round.ended.ms), into(round.revision));
  statement.execute();
  std::vector<Round> rounds;
  while (statement.fetch()) rounds.push_back(round);
  return rounds;
}

void write_fault(soci::session& sql, const Fault& fault) {
  sql << "INSERT INTO tag_faults (tag_id, host_id, failed_at, error) SELECT t.id, h.id, CAST(:failed AS BIGINT),"
         " CAST(:error AS TEXT) FROM tags t, hosts h WHERE t.id = :tag AND h.id = :host"
         " ON CONFLICT (tag_id, host_id) DO UPDATE SET failed_at = excluded.failed_at, error = excluded.error",
      use(fault.failed.ms), use(fault.error), use(fault.tag), use(fault.host);
}

void delete_faults(soci::session& sql, hosts::HostId host, std::span<const TagId> tags) {
  if (tags.empty()) return;
  sql << fmt::format("DELETE FROM tag_faults WHERE host_id = :host AND tag_id IN ({})", fmt::join(tags, ",")),
      use(host);
}

std::vector<Fault> load_faults_of_tag(soci::session& sql, TagId tag, hosts::HostId after, std::int64_t limit) {
  Fault fault{.tag = tag};
  soci::statement statement =
      (sql.prepare << "SELECT host_id, failed_at, error FROM tag_faults WHERE tag_id = :tag AND"
                      " host_id > :after ORDER BY host_id LIMIT :limit",
       use(tag), use(after), use(limit), into(fault.host), into(fault.failed.ms), into(fault.error));
  return fetch_faults(statement, fault);
}

std::vector<Fault> load_faults_of_host(soci::session& sql, hosts::HostId host) {
  Fault fault{.host = host};
  soci::statement statement =
      (sql.prepare << "SELECT tag_id, failed_at, error FROM tag_faults WHERE host_id = :host ORDER BY tag_id",
       use(host), into(fault.tag), into(fault.failed.ms), into(fault.error));
  return fetch_faults(statement, fault);
}

std::int64_t count_faults(soci::session& sql, TagId tag) {
  std::int64_t count = 0;
  sql << "SELECT COUNT(*) FROM tag_faults WHERE tag_id = :tag", use(tag), into(count);
  return count;
}

void forget_host(soci::session& sql, hosts::HostId host) {
  sql << "DELETE FROM tag_faults WHERE host_id = :host", use(host);
  sql << "DELETE FROM tag_rounds WHERE host_id = :host", use(host);
}

}  // namespace osprey::server::tags
