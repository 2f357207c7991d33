#include "server/activity/entries.h"

#include <soci/soci.h>
#include <boost/json.hpp>

#include "server/db/json.h"
#include "server/secret.h"

namespace osprey::server::activity {
namespace {

constexpr std::string_view kColumns =
    "SELECT id, recorded_at, administrator, name, session, token, address, verb, subject, details, hash FROM activity ";
constexpr std::int64_t kStep = 1000;  // entries read at a time

// One row of kColumns.
struct Row {
  Entry entry;
  std::string details;

  template <class Statement>
  Statement&& into(Statement&& statement) {
    statement, soci::into(entry.id), soci::into(entry.at.ms), soci::into(entry.administrator), soci::into(entry.name),
        soci::into(entry.session), soci::into(entry.token), soci::into(entry.address), soci::into(entry.verb),
        soci::into(entry.subject), soci::into(details), soci::into(entry.hash);
    return std::forward<Statement>(statement);
  }
};

// `%`, `_` and the escape itself stand for themselves.
std::string like(std::string_view text) {
  std::string made;
  for (const char c : text) {
    if (c == '%' || c == '_' || c == '!') made += '!';
    made += c;
  }
  return made;
}

// Goes through the chain from after `verification.entries`; false: there is no more.
bool verify_step(soci::session& sql, Verification& verification) {
  Row row;
  soci::statement statement = row.into((sql.prepare << kColumns << "WHERE id > :after ORDER BY id LIMIT :limit",
                                        soci::use(verification.entries), soci::use(kStep)));
  const auto before = verification.entries;
  auto after = before;
  auto hash = verification.hash;
  statement.execute();
  while (statement.fetch()) {
    ++after;
    if (row.entry.id != after || row.entry.hash != hash_of(row.entry, row.details, hash)) {
      verification.intact = false;
      verification.broken_at = after;
      return false;
    }
    hash = row.entry.hash;
  }
  verification.entries = after;
  verification.hash = std::move(hash);
  return after != before;
}

// What writers go on from, and the newest entry that there is.
struct Head {
  std::int64_t entries = 0;
  std::string hash;
  std::int64_t newest = 0;
};

Head read_head(soci::session& sql) {
  Head head;
  sql << "SELECT entries, hash, (SELECT COALESCE(MAX(id), 0) FROM activity) FROM activity_head",
      soci::into(head.entries), soci::into(head.hash), soci::into(head.newest);
  return head;
}

}  // namespace

std::string hash_of(const Entry& entry, std::string_view details, std::string_view before) {
  return sha256_hex(boost::json::serialize(boost::json::array{entry.id, entry.at.ms, entry.administrator, entry.name,
                                                              entry.session, entry.token, entry.address, entry.verb,
                                                              entry.subject, details, before}));
}

std::vector<Entry> list(soci::session& sql, const Filter& filter, std::int64_t before, std::int64_t limit) {
  const auto administrator = filter.administrator.value_or(-1);
  const auto verb = filter.verb.value_or("");
  const auto verbs = like(verb) + ".%";
  const auto subject = "%" + like(filter.subject.value_or("")) + "%";
  const auto since = filter.since.value_or(Timestamp{INT64_MIN}).ms;
  const auto until = filter.until.value_or(Timestamp{INT64_MAX}).ms;
  std::string where = "WHERE id < :before AND recorded_at >= :since AND recorded_at <= :until";
  if (filter.administrator) where += " AND administrator = :administrator";
  if (filter.verb) where += " AND (verb = :verb OR verb LIKE :verbs ESCAPE '!')";
  if (filter.subject) where += " AND subject LIKE :subject ESCAPE '!'";
  auto query = (sql.prepare << kColumns << where << " ORDER BY id DESC LIMIT :limit", soci::use(before),
                soci::use(since), soci::use(until));
  if (filter.administrator) query, soci::use(administrator);
  if (filter.verb) query, soci::use(verb), soci::use(verbs);
  if (filter.subject) query, soci::use(subject);
  query, soci::use(limit);
  Row row;
  soci::statement statement = row.into(query);
  statement.execute();
  std::vector<Entry> found;
  while (statement.fetch()) found.emplace_back(row.entry).details = db::json_object(row.details);
  return found;
}

Result<Verification> verify(db::Database& database) {
  Verification verification;
  for (;;) {
    while (TRY(database.read([&](soci::session& sql) { return verify_step(sql, verification); }))) {
    }
    if (!verification.intact) return verification;
    const auto head = TRY(database.read(read_head));
    if (head.newest > verification.entries) continue;  // recorded meanwhile
    verification.intact = head.entries == verification.entries && head.hash == verification.hash;
    if (!verification.intact) verification.broken_at = verification.entries + 1;
    return verification;
  }
}

}  // namespace osprey::server::activity
