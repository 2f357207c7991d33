#include "server/hosts/records.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <soci/soci.h>

#include <algorithm>
#include <deque>
#include <set>

#include "server/db/text.h"

namespace osprey::server::hosts {
namespace {

using soci::into;
using soci::use;

std::vector<std::string> fact_columns() {
  std::vector<std::string> columns;
  for (const auto& fact : text_facts()) columns.emplace_back(fact.name);
  for (const auto& fact : number_facts()) columns.emplace_back(fact.name);
  return columns;
}

// Binds the members of `host` in the order of fact_columns().
template <class Bind>
void bind_facts(Host& host, const Bind& bind) {
  for (const auto& fact : text_facts()) bind(host.*fact.member);
  for (const auto& fact : number_facts()) bind(host.*fact.member);
  bind(host.enrolled.ms);
  bind(host.enrolled_again.ms);
}

void prepare(soci::statement& statement, const std::string& text) {
  statement.alloc();
  statement.prepare(text);
  statement.define_and_bind();
}

void run(soci::statement& statement, const std::string& text, bool exchange) {
  prepare(statement, text);
  statement.execute(exchange);
}

void add_tags(soci::session& sql, std::vector<Record>& records, const std::string& where) {
  HostId host = 0;
  TagId tag = 0;
  soci::statement statement =
      (sql.prepare << "SELECT DISTINCT host_id, tag_id FROM host_tags WHERE " + where + " ORDER BY host_id, tag_id",
       into(host), into(tag));
  statement.execute();
  auto record = records.begin();
  while (statement.fetch()) {
    while (record != records.end() && record->host.id < host) ++record;
    if (record == records.end()) return;
    if (record->host.id == host) record->host.tags.push_back(tag);
  }
}

std::vector<Record> load(soci::session& sql, const std::string& rest) {
  static const std::string kSelect = fmt::format(
      "SELECT h.id, h.{}, h.enrolled_at, h.enrolled_again_at, s.{}_at, h.details_at FROM hosts h"
      " JOIN host_seen s ON s.host_id = h.id ",
      fmt::join(fact_columns(), ", h."), fmt::join(kSignNames, "_at, s."));
  Record record;
  soci::statement statement(sql);
  statement.exchange(into(record.host.id));
  bind_facts(record.host, [&](auto& member) { statement.exchange(into(member)); });
  for (auto& sign : record.signs) statement.exchange(into(sign));
  statement.exchange(into(record.details.ms));
  run(statement, kSelect + rest, false);
  std::vector<Record> records;
  while (statement.fetch()) records.push_back(record);
  return records;
}

std::vector<Record> load_these(soci::session& sql, std::span<const HostId> hosts, const std::string& rest) {
  if (hosts.empty()) return {};
  const auto list = fmt::format("({})", fmt::join(hosts, ","));
  auto records = load(sql, "WHERE h.id IN " + list + " ORDER BY h.id" + rest);
  add_tags(sql, records, "host_id IN " + list);
  return records;
}

// `update` has a :text and a :host; what is empty is left as it is.
void write_texts(soci::session& sql, const char* update, std::span<const SeenChange> changes,
                 std::string SeenChange::* field) {
  std::string text;
  HostId host = 0;
  soci::statement statement = (sql.prepare << update, use(text), use(host));
  for (const auto& change : changes) {
    if ((change.*field).empty()) continue;
    text = change.*field;
    host = change.host;
    statement.execute(true);
  }
}

// Adds a row to a VALUES list; without the casts PostgreSQL takes small numbers for integers.
void add_row(std::string& values, HostId host, std::span<const std::int64_t> numbers) {
  values += fmt::format("{}(CAST({} AS BIGINT),CAST({} AS BIGINT))", values.empty() ? "" : ",", host,
                        fmt::join(numbers, " AS BIGINT),CAST("));
}

}  // namespace

std::vector<Record> load_page(soci::session& sql, HostId after, int limit) {
  auto records = load(sql, fmt::format("WHERE h.id > {} ORDER BY h.id LIMIT {}", after, limit));
  if (!records.empty())
    add_tags(sql, records, fmt::format("host_id BETWEEN {} AND {}", records.front().host.id, records.back().host.id));
  return records;
}

std::vector<Record> load_hosts(soci::session& sql, std::span<const HostId> hosts) { return load_these(sql, hosts, ""); }

std::vector<Record> hold_hosts(soci::session& sql, db::Dialect dialect, std::span<const HostId> hosts) {
  // SQLite has one writer at a time anyway.
  return load_these(sql, hosts, dialect == db::Dialect::postgresql ? " FOR NO KEY UPDATE OF h" : "");
}

std::vector<HostId> load_members(soci::session& sql, TagId tag) {
  HostId host = 0;
  soci::statement statement =
      (sql.prepare << "SELECT DISTINCT host_id FROM host_tags WHERE tag_id = :tag ORDER BY host_id", use(tag),
       into(host));
  statement.execute();
  std::vector<HostId> members;
  while (statement.fetch()) members.push_back(host);
  return members;
}

HostId insert_host(soci::session& sql, const Host& host) {
  static const std::string kInsert = [] {
    const auto columns = fact_columns();
    return fmt::format(
        "INSERT INTO hosts ({}, enrolled_at, enrolled_again_at) VALUES (:{}, :enrolled_at, :enrolled_again_at)"
        " RETURNING id",
        fmt::join(columns, ", "), fmt::join(columns, ", :"));
  }();
  Host bound = host;
  HostId id = 0;
  {
    soci::statement statement(sql);
    statement.exchange(into(id));
    bind_facts(bound, [&](auto& member) { statement.exchange(use(member)); });
    run(statement, kInsert, true);
  }
  sql << "INSERT INTO host_seen (host_id, enroll_first_at, enroll_at) VALUES (:id, :first, :last)", use(id),
      use(bound.enrolled.ms), use(bound.enrolled.ms);
  return id;
}

void update_hosts(soci::session& sql, std::span<const Host> hosts) {
  if (hosts.empty()) return;
  static const std::string kUpdate = [] {
    std::string text = "UPDATE hosts SET ";
    for (const auto& column : fact_columns()) text += fmt::format("{0} = :{0}, ", column);
    return text + "enrolled_at = :enrolled_at, enrolled_again_at = :enrolled_again_at WHERE id = :id";
  }();
  Host bound;
  soci::statement statement(sql);
  bind_facts(bound, [&](auto& member) { statement.exchange(use(member)); });
  statement.exchange(use(bound.id));
  prepare(statement, kUpdate);
  for (const auto& host : hosts) {
    bound = host;
    statement.execute(true);
  }
}

bool delete_host(soci::session& sql, HostId host) {
  soci::statement statement = (sql.prepare << "DELETE FROM hosts WHERE id = :id", use(host));
  statement.execute(true);
  return statement.get_affected_rows() > 0;
}

void insert_enrolment(soci::session& sql, const Host& host, Timestamp at) {
  sql << "INSERT INTO host_enrolments (host_id, enrolled_at, identifier, name, platform, os_version, version)"
         " VALUES (:host, :at, :identifier, :name, :platform, :os_version, :version)",
      use(host.id), use(at.ms), use(host.identifier), use(host.name), use(host.platform), use(host.os_version),
      use(host.version);
  sql << "DELETE FROM host_enrolments WHERE host_id = :host AND id <= (SELECT id FROM host_enrolments"
         " WHERE host_id = :same ORDER BY id DESC LIMIT 1 OFFSET 50)",
      use(host.id), use(host.id);
}

std::vector<Enrolment> load_enrolments(soci::session& sql, HostId host) {
  Enrolment read;
  soci::statement statement = (sql.prepare << "SELECT enrolled_at, identifier, name, platform, os_version, version FROM"
                                              " host_enrolments WHERE host_id = :host ORDER BY id DESC",
                               use(host), into(read.at.ms), into(read.identifier), into(read.name), into(read.platform),
                               into(read.os_version), into(read.version));
  statement.execute();
  std::vector<Enrolment> enrolments;
  while (statement.fetch()) enrolments.push_back(read);
  return enrolments;
}

void write_seen(soci::session& sql, std::span<const SeenChange> changes) {
  // First the hosts, then what was seen of them: as everybody who writes both, so that none waits for the other.
  write_texts(sql, "UPDATE hosts SET address = :text WHERE id = :host", changes, &SeenChange::address);
  static const std::string kUpdate = [] {
    std::string sets;
    for (std::size_t i = 0; i < kSigns; ++i)
      sets += fmt::format(
          "{2}{0}_at = CASE WHEN v.column{1} > 0 THEN v.column{1} ELSE {0}_at END,"
          " {0}_first_at = CASE WHEN {0}_first_at = 0 THEN v.column{1} ELSE {0}_first_at END",
          kSignNames[i], i + 2, i == 0 ? "" : ", ");
    return "UPDATE host_seen SET " + sets + " FROM (VALUES {}) AS v WHERE host_id = v.column1";
  }();
  constexpr std::size_t kRows = 500;  // a statement
  for (auto rest = changes; !rest.empty();) {
    std::string values;
    for (const auto& change : rest.first(std::min(kRows, rest.size()))) add_row(values, change.host, change.signs);
    sql << fmt::format(fmt::runtime(kUpdate), values);
    rest = rest.subspan(std::min(kRows, rest.size()));
  }
  // Of rows that are this transaction's by now.
  write_texts(sql, "UPDATE host_seen SET configuration = :text WHERE host_id = :host", changes,
              &SeenChange::configuration);
}

void write_refreshed(soci::session& sql, std::span<const HostTime> refreshed) {
  if (refreshed.empty()) return;
  std::string values;
  for (const auto& each : refreshed) add_row(values, each.host, {&each.at.ms, 1});
  sql << "UPDATE hosts SET details_at = v.column2 FROM (VALUES " + values + ") AS v WHERE id = v.column1";
}

std::array<SignTimes, kSigns> load_signs(soci::session& sql, HostId host) {
  std::array<SignTimes, kSigns> signs{};
  soci::statement statement(sql);
  std::string columns;
  for (std::size_t i = 0; i < kSigns; ++i) {
    columns += fmt::format("{0}{1}_first_at, {1}_at", i == 0 ? "" : ", ", kSignNames[i]);
    statement.exchange(into(signs[i].first.ms));
    statement.exchange(into(signs[i].last.ms));
  }
  statement.exchange(use(host));
  run(statement, "SELECT " + columns + " FROM host_seen WHERE host_id = :host", true);
  return signs;
}

std::string load_configuration(soci::session& sql, HostId host) {
  std::string etag;
  sql << "SELECT configuration FROM host_seen WHERE host_id = :host", use(host), into(etag);
  return etag;
}

void write_details(soci::session& sql, std::span<const DetailChange> changes) {
  constexpr std::size_t kRows = 200;  // a statement
  while (!changes.empty()) {
    // A statement can write a row once.
    std::set<std::pair<HostId, std::string_view>> rows;
    std::string values;
    std::deque<std::string> bound;
    soci::statement statement(sql);
    const auto bind = [&](std::string text) { statement.exchange(use(bound.emplace_back(std::move(text)))); };
    while (!changes.empty() && rows.size() < kRows) {
      const auto& change = changes.front();
      if (!rows.emplace(change.host, change.query).second) break;
      changes = changes.subspan(1);
      const bool failed = !change.error.empty();
      const auto n = rows.size();
      values += fmt::format("{}({},:query{},:answer{},{},{},:error{})", n == 1 ? "" : ",", change.host, n, n,
                            failed ? 0 : change.at.ms, failed ? change.at.ms : 0, n);
      bind(std::string(change.query));
      bind(failed ? "[]" : db::storable_json(change.rows));
      bind(std::string(change.error));
    }
    run(statement,
        "INSERT INTO host_details (host_id, query, answer, changed_at, failed_at, error) VALUES " + values +
            " ON CONFLICT (host_id, query) DO UPDATE SET"
            " answer = CASE WHEN excluded.failed_at > 0 THEN host_details.answer ELSE excluded.answer END,"
            " changed_at = CASE WHEN excluded.failed_at > 0 THEN host_details.changed_at ELSE excluded.changed_at END,"
            " failed_at = excluded.failed_at, error = excluded.error WHERE excluded.failed_at > 0"
            " OR host_details.failed_at > 0 OR host_details.answer <> excluded.answer",
        true);
  }
}

std::vector<Detail> load_details(soci::session& sql, HostId host) {
  Detail read;
  soci::statement statement =
      (sql.prepare << "SELECT query, answer, changed_at, failed_at, error FROM host_details"
                      " WHERE host_id = :host ORDER BY query",
       use(host), into(read.query), into(read.rows), into(read.changed.ms), into(read.failed.ms), into(read.error));
  statement.execute();
  std::vector<Detail> details;
  while (statement.fetch()) details.push_back(read);
  return details;
}

void write_troubles(soci::session& sql, std::span<const HostTroubles> changes) {
  if (changes.empty()) return;
  std::vector<HostId> hosts;
  for (const auto& change : changes) hosts.push_back(change.host);
  sql << fmt::format("DELETE FROM host_troubles WHERE host_id IN ({})", fmt::join(hosts, ","));
  HostId host = 0;
  QueryTrouble trouble;
  int denylisted = 0, overdue = 0, expensive = 0;
  soci::statement statement =
      (sql.prepare << "INSERT INTO host_troubles (host_id, query, denylisted, overdue, expensive, every_seconds, runs,"
                      " run_at, wall_ms, cpu_ms, memory) VALUES (:host, :query, :denylisted, :overdue, :expensive,"
                      " :every, :runs, :run_at, :wall, :cpu, :memory)",
       use(host), use(trouble.name), use(denylisted), use(overdue), use(expensive), use(trouble.every_seconds),
       use(trouble.runs), use(trouble.run_at), use(trouble.wall_ms), use(trouble.cpu_ms), use(trouble.memory));
  for (const auto& change : changes)
    for (const auto& each : change.troubles) {
      host = change.host;
      trouble = each;
      denylisted = each.denylisted;
      overdue = each.overdue;
      expensive = each.expensive;
      statement.execute(true);
    }
}

std::vector<HostId> write_tag(soci::session& sql, Origin origin, TagId tag, bool has, std::span<const HostId> hosts,
                              Timestamp now) {
  constexpr std::size_t kHosts = 1000;  // a statement
  const int reason = static_cast<int>(origin);
  std::vector<HostId> sorted(hosts.begin(), hosts.end());
  std::ranges::sort(sorted);
  std::vector<HostId> changed;
  for (std::span<const HostId> rest = sorted; !rest.empty();) {
    const auto some = rest.first(std::min(kHosts, rest.size()));
    rest = rest.subspan(some.size());
    HostId host = 0;
    const auto list = fmt::format("({}) ", fmt::join(some, ","));
    soci::statement statement =
        has ? (sql.prepare << "INSERT INTO host_tags (host_id, tag_id, origin, since_at) SELECT id, CAST(:tag AS"
                              " BIGINT), CAST(:origin AS SMALLINT), CAST(:now AS BIGINT) FROM hosts WHERE id IN " +
                                  list +
                                  "ORDER BY id ON CONFLICT (host_id, tag_id, origin) DO NOTHING RETURNING host_id",
               use(tag), use(reason), use(now.ms), into(host))
            : (sql.prepare << "DELETE FROM host_tags WHERE tag_id = :tag AND origin = :origin AND host_id IN " + list +
                                  "RETURNING host_id",
               use(tag), use(reason), into(host));
    statement.execute();
    while (statement.fetch()) changed.push_back(host);
  }
  std::ranges::sort(changed);
  return changed;
}

void delete_tag(soci::session& sql, TagId tag, std::optional<Origin> origin) {
  const auto only = origin ? fmt::format(" AND origin = {}", static_cast<int>(*origin)) : std::string();
  sql << "DELETE FROM host_tags WHERE tag_id = :tag" + only, use(tag);
}

std::vector<TagReason> load_tag_reasons(soci::session& sql, std::span<const HostId> hosts) {
  if (hosts.empty()) return {};
  TagReason read;
  int origin = 0;
  soci::statement statement =
      (sql.prepare << fmt::format("SELECT host_id, tag_id, origin, since_at FROM host_tags WHERE host_id IN ({})"
                                  " ORDER BY host_id, tag_id, origin",
                                  fmt::join(hosts, ",")),
       into(read.host), into(read.tag), into(origin), into(read.since.ms));
  statement.execute();
  std::vector<TagReason> reasons;
  while (statement.fetch()) {
    read.origin = static_cast<Origin>(std::clamp(origin, 0, 2));
    reasons.push_back(read);
  }
  return reasons;
}

}  // namespace osprey::server::hosts
