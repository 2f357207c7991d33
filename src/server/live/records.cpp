#include "server/live/records.h"

#include <fmt/format.h>
#include <soci/soci.h>

#include <boost/json.hpp>

#include "server/api/problem.h"
#include "server/db/json.h"
#include "server/db/row.h"

namespace osprey::server::live {
namespace {

namespace json = boost::json;

constexpr db::Migration kMigrations[] = {{R"sql(
CREATE TABLE live_queries (
  id {id},
  name TEXT NOT NULL,
  query TEXT NOT NULL,
  state SMALLINT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  expires_at BIGINT NOT NULL,
  ended_at BIGINT NOT NULL DEFAULT 0,
  rows_a_host BIGINT NOT NULL
);
CREATE INDEX live_queries_state ON live_queries (state, ended_at);
CREATE TABLE live_hosts (
  query_id BIGINT NOT NULL REFERENCES live_queries (id) ON DELETE CASCADE,
  host_id BIGINT NOT NULL,
  host_name TEXT NOT NULL,
  state SMALLINT NOT NULL,
  asked_at BIGINT NOT NULL DEFAULT 0,
  answered_at BIGINT NOT NULL DEFAULT 0,
  batch BIGINT NOT NULL DEFAULT 0,
  message TEXT NOT NULL DEFAULT '',
  answer TEXT NOT NULL DEFAULT '',
  row_count BIGINT NOT NULL DEFAULT 0,
  rows_dropped BIGINT NOT NULL DEFAULT 0,
  stats TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (query_id, host_id)
);
CREATE INDEX live_hosts_batch ON live_hosts (query_id, batch);
)sql"}};

constexpr std::string_view kQueryColumns =
    "id, name, query, state, created_at, created_by, expires_at, ended_at, rows_a_host";

Query query_of(const soci::row& row) {
  return {.id = db::whole(row, 0),
          .name = db::text(row, 1),
          .sql = db::text(row, 2),
          .state = static_cast<State>(db::whole(row, 3)),
          .created_at = {db::whole(row, 4)},
          .created_by = db::text(row, 5),
          .expires_at = {db::whole(row, 6)},
          .ended_at = known(db::whole(row, 7)),
          .rows_a_host = db::whole(row, 8)};
}

// A list of pairs as a table "given" of a query's FROM, so that one statement serves many rows.
std::string given(db::Dialect dialect, std::string_view sqlite_columns, std::string_view postgresql_columns) {
  if (dialect == db::Dialect::sqlite) return fmt::format("(SELECT {} FROM json_each(:given)) AS given", sqlite_columns);
  return fmt::format("jsonb_to_recordset(CAST(:given AS jsonb)) AS given({})", postgresql_columns);
}

// Hosts that have yet to answer.
long long count_open(soci::session& sql, QueryId query) {
  const long long id = query;
  long long open = 0;
  sql << "SELECT count(*) FROM live_hosts WHERE query_id = :id AND state <= 1", soci::use(id), soci::into(open);
  return open;
}

db::Dialect dialect_of(soci::session& sql) {
  return sql.get_backend_name() == "sqlite3" ? db::Dialect::sqlite : db::Dialect::postgresql;
}

}  // namespace

db::Schema schema() { return {"live", kMigrations}; }

Result<QueryId> insert(db::Transaction& transaction, const Question& question, const identity::Caller& caller,
                       Timestamp now, std::span<const hosts::HostPtr> targets) {
  auto& sql = transaction.sql();
  long long id = 0;
  const long long created = now.ms;
  const long long expires = now.ms + question.expires_in_s * 1000;
  const long long rows = question.rows_a_host;
  sql << "INSERT INTO live_queries (name, query, state, created_at, created_by, expires_at, rows_a_host) "
         "VALUES (:name, :query, 0, :created, :by, :expires, :rows) RETURNING id",
      soci::use(question.name), soci::use(question.sql), soci::use(created), soci::use(caller.name), soci::use(expires),
      soci::use(rows), soci::into(id);
  json::array list;
  for (const auto& host : targets) list.push_back(json::object{{"host", host->id}, {"name", host->name}});
  const auto text = json::serialize(list);
  sql << "INSERT INTO live_hosts (query_id, host_id, host_name, state) SELECT CAST(:id AS bigint), host, name, 0 "
         "FROM " +
             given(dialect_of(sql), "value->>'host' AS host, value->>'name' AS name", "host bigint, name text"),
      soci::use(id), soci::use(text);
  return id;
}

Result<Query> find(db::Database& database, QueryId query) {
  const auto found = TRY(database.read([&](soci::session& sql) {
    const long long id = query;
    std::vector<Query> rows;
    const soci::rowset<soci::row> selected =
        (sql.prepare << fmt::format("SELECT {} FROM live_queries WHERE id = :id", kQueryColumns), soci::use(id));
    for (const auto& row : selected) rows.push_back(query_of(row));
    return rows;
  }));
  if (found.empty()) return api::problem(api::kNotFound, fmt::format("live query {}", query), "there is none");
  return found.front();
}

Result<std::vector<Query>> list(db::Database& database, const QueriesWanted& wanted) {
  return database.read([&](soci::session& sql) {
    std::string where;
    if (wanted.state) where += fmt::format(" AND state = {}", static_cast<int>(*wanted.state));
    if (wanted.host)
      where += fmt::format(" AND EXISTS (SELECT 1 FROM live_hosts WHERE query_id = live_queries.id AND host_id = {})",
                           *wanted.host);
    std::vector<Query> rows;
    const soci::rowset<soci::row> selected =
        (sql.prepare << fmt::format("SELECT {} FROM live_queries WHERE id < :before{} ORDER BY id DESC LIMIT :most",
                                    kQueryColumns, where),
         soci::use(wanted.before), soci::use(wanted.limit));
    for (const auto& row : selected) rows.push_back(query_of(row));
    return rows;
  });
}

Result<Progress> progress(db::Database& database, QueryId query) {
  return database.read([&](soci::session& sql) {
    const long long id = query;
    Progress made;
    const soci::rowset<soci::row> selected =
        (sql.prepare << "SELECT CAST(state AS bigint), count(*), CAST(sum(row_count) AS bigint) FROM live_hosts "
                        "WHERE query_id = :id GROUP BY state",
         soci::use(id));
    for (const auto& row : selected) {
      const auto hosts = db::whole(row, 1);
      made.targeted += hosts;
      made.rows += db::whole(row, 2);
      std::int64_t Progress::* const kinds[] = {&Progress::waiting, &Progress::asked,   &Progress::answered,
                                                &Progress::failed,  &Progress::expired, &Progress::cancelled};
      if (const auto state = db::whole(row, 0); state >= 0 && state < 6) made.*kinds[state] = hosts;
    }
    return made;
  });
}

Result<std::vector<HostAnswer>> hosts_of(db::Database& database, QueryId query, const HostsWanted& wanted) {
  return database.read([&](soci::session& sql) {
    const long long id = query;
    const long long after = wanted.after;
    const long long limit = wanted.limit;
    std::string condition;
    std::vector<int> states;
    for (const auto state : wanted.states) states.push_back(static_cast<int>(state));
    if (!states.empty()) condition += fmt::format(" AND state IN ({})", fmt::join(states, ", "));
    if (wanted.batch) condition += fmt::format(" AND batch = {}", *wanted.batch);
    std::vector<HostAnswer> answers;
    std::size_t bytes = 0;
    const soci::rowset<soci::row> selected =
        (sql.prepare << fmt::format(
             "SELECT host_id, host_name, state, asked_at, answered_at, message, row_count, "
             "rows_dropped, stats, batch{} FROM live_hosts WHERE query_id = :id AND host_id > :after{} "
             "ORDER BY host_id LIMIT :limit",
             wanted.with_rows ? ", answer" : "", condition),
         soci::use(id), soci::use(after), soci::use(limit));
    for (const auto& row : selected) {
      HostAnswer answer{.host = db::whole(row, 0),
                        .host_name = db::text(row, 1),
                        .state = static_cast<HostState>(db::whole(row, 2)),
                        .asked_at = known(db::whole(row, 3)),
                        .answered_at = known(db::whole(row, 4)),
                        .message = db::text(row, 5),
                        .row_count = db::whole(row, 6),
                        .rows_dropped = db::whole(row, 7),
                        .rows = {},
                        .stats = db::json_value(db::text(row, 8)),
                        .batch = db::whole(row, 9)};
      if (wanted.with_rows) {
        const auto text = db::text(row, 10);
        bytes += text.size();
        answer.rows = db::json_value(text);
      }
      answers.push_back(std::move(answer));
      if (bytes >= wanted.rows_bytes) break;
    }
    return answers;
  });
}

Result<std::vector<Open>> open_targets(db::Database& database, QueryId query) {
  return database.read([&](soci::session& sql) {
    const long long id = query;
    std::vector<Open> open;
    const soci::rowset<soci::row> selected =
        (sql.prepare << "SELECT host_id, asked_at FROM live_hosts WHERE query_id = :id AND state <= 1", soci::use(id));
    for (const auto& row : selected) open.push_back({db::whole(row, 0), {db::whole(row, 1)}});
    return open;
  });
}

Result<Answered> keep(db::Transaction& transaction, std::span<const Kept> answers, std::int64_t batch, Timestamp now) {
  auto& sql = transaction.sql();
  json::array list;
  for (const auto& answer : answers)
    list.push_back(json::object{{"query", answer.query},
                                {"host", answer.host},
                                {"state", static_cast<int>(answer.failed ? HostState::failed : HostState::answered)},
                                {"message", answer.message},
                                {"answer", answer.rows},
                                {"row_count", answer.row_count},
                                {"rows_dropped", answer.rows_dropped},
                                {"stats", answer.stats}});
  const auto text = json::serialize(list);
  const long long at = now.ms;
  const long long number = batch;
  const auto source =
      given(dialect_of(sql),
            "value->>'query' AS query, value->>'host' AS host, value->>'state' AS state, value->>'message' AS message, "
            "value->>'answer' AS answer, value->>'row_count' AS row_count, value->>'rows_dropped' AS rows_dropped, "
            "value->>'stats' AS stats",
            "query bigint, host bigint, state smallint, message text, answer text, row_count bigint, "
            "rows_dropped bigint, stats text");
  Answered kept;
  const soci::rowset<soci::row> updated =
      (sql.prepare << "UPDATE live_hosts SET state = given.state, message = given.message, answer = given.answer, "
                      "row_count = given.row_count, rows_dropped = given.rows_dropped, stats = given.stats, "
                      "answered_at = :at, batch = :batch FROM " +
                          source +
                          " WHERE live_hosts.query_id = given.query AND live_hosts.host_id = given.host "
                          "AND live_hosts.state <= 1 RETURNING query_id, host_id",
       soci::use(at), soci::use(number), soci::use(text));
  for (const auto& row : updated) kept.emplace_back(db::whole(row, 0), db::whole(row, 1));
  return kept;
}

Result<void> note_asked(db::Transaction& transaction, std::span<const std::pair<QueryId, hosts::HostId>> asked,
                        Timestamp now) {
  auto& sql = transaction.sql();
  json::array list;
  for (const auto& [query, host] : asked) list.push_back(json::object{{"query", query}, {"host", host}});
  const auto text = json::serialize(list);
  const long long at = now.ms;
  sql << "UPDATE live_hosts SET state = 1, asked_at = :at FROM " +
             given(dialect_of(sql), "value->>'query' AS query, value->>'host' AS host", "query bigint, host bigint") +
             " WHERE live_hosts.query_id = given.query AND live_hosts.host_id = given.host AND live_hosts.state <= 1",
      soci::use(at), soci::use(text);
  return {};
}

Answered remove_host(soci::session& sql, hosts::HostId host) {
  // By the primary key, query after query: there are few queries and many hosts.
  const soci::rowset<soci::row> removed =
      (sql.prepare << "DELETE FROM live_hosts WHERE host_id = :host AND query_id IN (SELECT id FROM live_queries)"
                      " RETURNING query_id, CAST(state AS bigint)",
       soci::use(host));
  Answered open;
  for (const auto& row : removed)
    if (db::whole(row, 1) <= 1) open.emplace_back(db::whole(row, 0), host);
  return open;
}

Result<std::vector<hosts::HostId>> ask_again(db::Transaction& transaction, QueryId query, Timestamp now) {
  auto& sql = transaction.sql();
  const long long id = query;
  const long long at = now.ms;
  // Locks the query's row: it does not end meanwhile.
  long long state = -1;
  long long expires = 0;
  sql << "UPDATE live_queries SET state = state WHERE id = :id RETURNING CAST(state AS bigint), expires_at",
      soci::use(id), soci::into(state), soci::into(expires);
  const auto refuse = [&](int code, std::string_view why) {
    return api::problem(code, fmt::format("live query {}", query), std::string(why));
  };
  if (state < 0) return refuse(api::kNotFound, "there is none");
  if (state == static_cast<int>(State::cancelled)) return refuse(api::kConflict, "was cancelled: ask anew");
  if (state == static_cast<int>(State::expired) || expires <= at)
    return refuse(api::kConflict, "has expired, hosts can join no longer: ask anew");
  std::vector<hosts::HostId> again;
  {
    const soci::rowset<soci::row> updated =
        (sql.prepare << "UPDATE live_hosts SET state = 0, asked_at = 0, answered_at = 0, batch = 0, message = '', "
                        "answer = '', row_count = 0, rows_dropped = 0, stats = '' "
                        "WHERE query_id = :id AND state IN (1, 3) RETURNING host_id",
         soci::use(id));
    for (const auto& row : updated) again.push_back(db::whole(row, 0));
  }
  if (!again.empty()) sql << "UPDATE live_queries SET state = 0, ended_at = 0 WHERE id = :id", soci::use(id);
  return again;
}

Result<bool> end(db::Transaction& transaction, QueryId query, State state, HostState rest, Timestamp now) {
  auto& sql = transaction.sql();
  const long long id = query;
  const long long at = now.ms;
  const int ended = static_cast<int>(state);
  const int others = static_cast<int>(rest);
  long long found = 0;
  sql << "UPDATE live_queries SET state = :state, ended_at = :at WHERE id = :id AND state = 0 RETURNING id",
      soci::use(ended), soci::use(at), soci::use(id), soci::into(found);
  if (found == 0) return false;
  // The query's row is locked from here on, so that whoever asks again does so before this or after the end.
  if (state == State::finished && count_open(sql, query) > 0)
    return api::problem(api::kConflict, fmt::format("live query {}", query), "some host has yet to answer");
  sql << "UPDATE live_hosts SET state = :rest WHERE query_id = :id AND state <= 1", soci::use(others), soci::use(id);
  return true;
}

Result<bool> all_answered(db::Database& database, QueryId query) {
  return database.read([&](soci::session& sql) { return count_open(sql, query) == 0; });
}

Result<void> forget(db::Database& database, Timestamp before) {
  return database.write([&](db::Transaction& transaction) -> Result<void> {
    const long long time = before.ms;
    transaction.sql() << "DELETE FROM live_queries WHERE id IN (SELECT id FROM live_queries WHERE state > 0 AND "
                         "ended_at < :before ORDER BY ended_at LIMIT 10)",
        soci::use(time);
    return {};
  });
}

}  // namespace osprey::server::live
