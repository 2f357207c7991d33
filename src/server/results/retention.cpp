#include "server/results/retention.h"

#include <fmt/format.h>
#include <soci/soci.h>
#include <sqlite3.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "base/text.h"
#include "server/api/problem.h"
#include "server/db/session.h"
#include "server/db/text.h"
#include "server/results/segment.h"
#include "server/results/sweep.h"
#include "server/results/value_filter.h"

namespace osprey::server::results {

namespace {

using std::chrono::steady_clock;

bool too_much(long long bytes, const Retention& retention) { return retention.bytes > 0 && bytes > retention.bytes; }

// When a filter is made however few rows there are.
constexpr std::int64_t kLateMs = 3'600'000;
constexpr std::size_t kJoinedRows = 4096;
constexpr std::size_t kLongestName = 1000;            // of a query with days of its own, in bytes
constexpr std::chrono::seconds kDropTime{10};         // in one call
constexpr std::chrono::seconds kFilterTime{10};       // the same
constexpr long long kTrimLock = 0x6f737072'65793035;  // an advisory lock's key
constexpr double kIndexBytes = 72;                    // of a row, on PostgreSQL, and what its page says of it

struct DayTable {
  std::int32_t day = 0;
  long long bytes = 0;
};

// PostgreSQL's.
std::vector<DayTable> day_tables(soci::session& sql) {
  std::vector<DayTable> tables;
  std::string name;
  long long bytes = 0;
  soci::statement statement =
      (sql.prepare << "SELECT c.relname, pg_total_relation_size(c.oid) FROM pg_inherits i JOIN pg_class c ON c.oid = "
                      "i.inhrelid WHERE i.inhparent = 'result_line'::regclass",
       soci::into(name), soci::into(bytes));
  statement.execute();
  while (statement.fetch())
    if (const auto day = parse<std::int32_t>(std::string_view(name).substr(name.rfind('d') + 1)))
      tables.push_back({*day, bytes});
  return tables;
}

Result<void> drop_day(db::Database& database, std::int32_t day) {
  return database.write([&](db::Transaction& transaction) -> Result<void> {
    soci::session& sql = transaction.sql();
    // Those that come after would wait behind it: rather the next minute again.
    sql << "SET LOCAL lock_timeout = 1000";
    forget_sweeps(sql, day);
    sql << "DROP TABLE IF EXISTS " + table_of_day(day);
    sql << "DELETE FROM result_segment WHERE day <= :day", soci::use(day);
    return {};
  });
}

struct Segments {
  long long id = 0, first = 0, rows = 0;
  int day = 0;
};

std::optional<Segments> oldest_segment_of(soci::session& sql, std::int32_t day) {
  Segments oldest;
  sql << "SELECT id, COALESCE(first, id), rows, day FROM result_segment WHERE day = :day ORDER BY id LIMIT 1",
      soci::use(day), soci::into(oldest.id), soci::into(oldest.first), soci::into(oldest.rows), soci::into(oldest.day);
  return sql.got_data() ? std::optional(oldest) : std::nullopt;
}

void drop_segments(soci::session& sql, const Segments& segments) {
  const std::int64_t from = first_row_of(segments.first), to = last_row_of(segments.id);
  sql << "DELETE FROM result_line WHERE day = :day AND id BETWEEN :from AND :to", soci::use(segments.day),
      soci::use(from), soci::use(to);
  sql << "DELETE FROM result_segment WHERE id = :id", soci::use(segments.id);
}

// What the rows of a day's table take: of `table.bytes` a part may be the room of rows that were deleted, which
// PostgreSQL gives to later rows and not back to the disk.
struct Live {
  double bytes = 0, a_row = 0;
};
Live live_in(soci::session& sql, const DayTable& table) {
  long long rows = 0;
  double size = 0;
  sql << "SELECT CAST(COALESCE(sum(rows), 0) AS BIGINT) FROM result_segment WHERE day = :day", soci::use(table.day),
      soci::into(rows);
  sql << "SELECT CAST(COALESCE(avg(pg_column_size(l.*)), 0) AS DOUBLE PRECISION) FROM "
         "(SELECT * FROM result_line WHERE day = :day ORDER BY id DESC LIMIT 1000) l",
      soci::use(table.day), soci::into(size);
  if (rows == 0) return {};
  const double bytes = std::min(static_cast<double>(table.bytes), static_cast<double>(rows) * (size + kIndexBytes));
  return {bytes, bytes / static_cast<double>(rows)};
}

// Today's table is being written to, and is not dropped: its oldest segments are deleted, by one server at a time.
Result<void> trim_today(db::Database& database, const Retention& retention, std::int32_t today) {
  return database.write([&](db::Transaction& transaction) -> Result<void> {
    soci::session& sql = transaction.sql();
    int alone = 0;
    sql << fmt::format("SELECT CASE WHEN pg_try_advisory_xact_lock({}) THEN 1 ELSE 0 END", kTrimLock),
        soci::into(alone);
    if (alone == 0) return {};
    double bytes = 0;
    Live live;
    for (const DayTable& table : day_tables(sql)) {
      if (table.day == today) live = live_in(sql, table);
      bytes += table.day == today ? live.bytes : static_cast<double>(table.bytes);
    }
    const auto end = steady_clock::now() + kDropTime;
    while (too_much(static_cast<long long>(bytes), retention) && steady_clock::now() < end) {
      const auto oldest = oldest_segment_of(sql, today);
      if (!oldest) break;
      drop_segments(sql, *oldest);
      bytes -= static_cast<double>(oldest->rows) * live.a_row;
    }
    return {};
  });
}

long long sqlite_bytes(soci::session& sql) {
  long long pages = 0, free = 0, size = 0;
  sql << "PRAGMA page_count", soci::into(pages);
  sql << "PRAGMA freelist_count", soci::into(free);
  sql << "PRAGMA page_size", soci::into(size);
  return (pages - free) * size;
}

long long bytes_in(soci::session& sql) {
  if (db::sqlite_connection(sql)) return sqlite_bytes(sql);
  long long bytes = 0;
  for (const DayTable& table : day_tables(sql)) bytes += table.bytes;
  return bytes;
}

// Steps over the index from day to day.
std::vector<std::int32_t> days_of_segments(soci::session& sql) {
  std::vector<std::int32_t> days;
  std::int32_t day = 0;
  soci::statement statement =
      (sql.prepare << "WITH RECURSIVE d (day) AS (SELECT min(day) FROM result_segment UNION ALL "
                      "SELECT (SELECT min(s.day) FROM result_segment s WHERE s.day > d.day) FROM d "
                      "WHERE d.day IS NOT NULL) SELECT day FROM d WHERE day IS NOT NULL",
       soci::into(day));
  statement.execute();
  while (statement.fetch()) days.push_back(day);
  return days;
}

Result<void> give_back_pages(db::Database& database) {
  return database.write([](db::Transaction& transaction) -> Result<void> {
    ::sqlite3_exec(db::sqlite_connection(transaction.sql()), "PRAGMA incremental_vacuum(4096)", nullptr, nullptr,
                   nullptr);
    return {};
  });
}

// The lines of a day that are kept for `term` days or shorter.
struct Part {
  std::int32_t day = 0;
  std::int64_t term = 0;
  bool whole = false;  // nothing of the day is kept longer
};

// Ascending, each once.
std::vector<std::int64_t> terms_of(const Retention& retention) {
  std::set<std::int64_t> terms = {retention.days};
  for (const auto& [query, days] : retention.queries) terms.insert(days);
  return {terms.begin(), terms.end()};
}

class Dropping {
 public:
  Dropping(db::Database& database, const Retention& retention, Timestamp now)
      : database_(database),
        retention_(retention),
        terms_(terms_of(retention)),
        now_(now),
        today_(day_of(now)),
        end_(steady_clock::now() + kDropTime) {}

  Result<void> run() {
    if (!TRY(finish_what_was_begun())) return {};
    const auto days = TRY(days_that_may_go());
    for (const Part& part : parts(days)) {
      if (!is_due(part) && !TRY(is_too_much())) return {};
      if (!TRY(drop(part))) return {};
    }
    if (!sqlite() && TRY(is_too_much())) return trim_today(database_, retention_, today_);
    return {};
  }

 private:
  bool sqlite() const { return database_.dialect() == db::Dialect::sqlite; }
  std::int64_t age_of(const Part& part) const { return std::int64_t{today_} - part.day; }
  bool is_due(const Part& part) const { return age_of(part) >= part.term; }

  // On PostgreSQL those before today.
  Result<std::vector<std::int32_t>> days_that_may_go() const {
    return database_.read([this](soci::session& sql) {
      std::vector<std::int32_t> days;
      if (sqlite()) return days_of_segments(sql);
      for (const DayTable& table : day_tables(sql))
        if (table.day < today_) days.push_back(table.day);
      return days;
    });
  }

  // In the order in which they are to go. Of today and of days to come (clocks are set back) only the whole.
  std::vector<Part> parts(const std::vector<std::int32_t>& days) const {
    std::vector<Part> parts;
    for (const std::int32_t day : days) {
      const auto due = std::ranges::upper_bound(terms_, std::int64_t{today_} - day);
      auto term = day >= today_ ? std::prev(terms_.end()) : due == terms_.begin() ? due : std::prev(due);
      for (; term != terms_.end(); ++term) parts.push_back({day, *term, *term == terms_.back()});
    }
    // Days that are over for all come first: a sweep that one of them is in the middle of holds up the others.
    const auto is_over = [this](const Part& part) { return part.whole && is_due(part); };
    std::ranges::stable_sort(parts, [&](const Part& a, const Part& b) {
      if (is_over(a) != is_over(b)) return is_over(a);
      return age_of(a) * b.term > age_of(b) * a.term;
    });
    return parts;
  }

  Result<bool> is_too_much() const {
    if (retention_.bytes == 0) return false;
    return database_.read([this](soci::session& sql) { return too_much(bytes_in(sql), retention_); });
  }

  // False: the rest is for the next call.
  Result<bool> finish_what_was_begun() const {
    const auto begun = TRY(sweep_under_way(database_));
    if (!begun || is_due({begun->day, terms_.back()})) return true;
    return sweep(database_, retention_, *begun, now_, end_);
  }

  Result<bool> drop(const Part& part) const {
    if (!part.whole) return sweep(database_, retention_, {part.day, part.term}, now_, end_);
    if (sqlite()) return drop_by_segments(part);
    TRY(drop_day(database_, part.day));
    return true;
  }

  // As many as must go.
  Result<bool> drop_by_segments(const Part& part) const {
    while (steady_clock::now() < end_) {
      const auto dropped = database_.write([&](db::Transaction& transaction) -> Result<bool> {
        soci::session& sql = transaction.sql();
        if (!is_due(part) && !too_much(sqlite_bytes(sql), retention_)) return false;
        const auto oldest = oldest_segment_of(sql, part.day);
        if (oldest)
          drop_segments(sql, *oldest);
        else
          forget_sweeps(sql, part.day);
        return oldest.has_value();
      });
      if (!TRY(dropped)) return true;
    }
    return false;
  }

  db::Database& database_;
  const Retention& retention_;
  const std::vector<std::int64_t> terms_;
  const Timestamp now_;
  const std::int32_t today_;
  const steady_clock::time_point end_;
};

struct Small {
  long long id = 0, first = 0, rows = 0, created_at = 0;
  int day = 0;
  bool filtered = false;
};

// Those of a day that is being swept wait for its end.
std::vector<Small> unfiltered_on(soci::session& sql) {
  std::vector<Small> found;
  Small one;
  int filtered = 0;
  soci::statement statement =
      (sql.prepare << "SELECT id, COALESCE(first, id), rows, created_at, day, CASE WHEN filter IS NULL AND day NOT IN "
                      "(SELECT day FROM result_sweep WHERE done = 0) THEN 0 ELSE 1 END "
                      "FROM result_segment WHERE id >= (SELECT min(id) FROM result_segment WHERE filter IS NULL) "
                      "ORDER BY id LIMIT 5000",
       soci::into(one.id), soci::into(one.first), soci::into(one.rows), soci::into(one.created_at), soci::into(one.day),
       soci::into(filtered));
  statement.execute();
  while (statement.fetch()) {
    one.filtered = filtered != 0;
    found.push_back(one);
  }
  return found;
}

Tokens tokens_of_rows(soci::session& sql, int day, std::int64_t from, std::int64_t to) {
  Tokens tokens;
  Row row;
  int kind = 0;
  soci::statement statement =
      (sql.prepare << "SELECT kind, name, columns FROM result_line WHERE day = :day AND id BETWEEN :from AND :to",
       soci::use(day), soci::use(from), soci::use(to), soci::into(kind), soci::into(row.name), soci::into(row.columns));
  statement.execute();
  while (statement.fetch()) {
    row.kind = static_cast<Kind>(kind);
    append_tokens(row, tokens);
  }
  return tokens;
}

Result<void> check_days(std::string where, std::int64_t days) {
  if (days >= 1 && days <= kMostDays) return {};
  return api::problem(api::kInvalid, std::move(where), fmt::format("must be from 1 to {}", kMostDays));
}

Result<void> check(const Retention& retention) {
  TRY(check_days("days", retention.days));
  if (retention.bytes < 0) return api::problem(api::kInvalid, "bytes", "must not be negative");
  if (std::cmp_greater(retention.queries.size(), kMostQueriesWithDays))
    return api::problem(api::kInvalid, "queries",
                        fmt::format("at most {} have days of their own", kMostQueriesWithDays));
  for (const auto& [name, days] : retention.queries) {
    if (name.empty() || name.size() > kLongestName || !db::is_storable(name))
      return api::problem(api::kInvalid, "queries",
                          fmt::format("a name has 1 to {} bytes of text, unlike «{}»", kLongestName,
                                      db::storable(name.substr(0, kLongestName))));
    TRY(check_days(fmt::format("days of «{}»", name), days));
  }
  return {};
}

// `run`: segments without a filter that follow each other, of one day.
Result<void> join(db::Database& database, std::span<const Small> run) {
  const std::int64_t first = run.front().first, last = run.back().id;
  auto tokens = TRY(database.read([&](soci::session& sql) {
    return tokens_of_rows(sql, run.front().day, first_row_of(first), last_row_of(last));
  }));
  const std::string filter = make_filter(tokens);
  return database.write([&](db::Transaction& transaction) -> Result<void> {
    soci::session& sql = transaction.sql();
    // Another server may have been faster: then the last one is filtered already.
    long long still = 0;
    sql << "SELECT count(*) FROM result_segment WHERE id = :last AND filter IS NULL", soci::use(last),
        soci::into(still);
    if (still == 0) return {};
    sql << "UPDATE result_segment SET first = :first, "
           "rows = (SELECT sum(rows) FROM result_segment WHERE id BETWEEN :a AND :b), "
           "first_received_at = (SELECT min(first_received_at) FROM result_segment WHERE id BETWEEN :c AND :d), "
           "last_received_at = (SELECT max(last_received_at) FROM result_segment WHERE id BETWEEN :e AND :f) "
           "WHERE id = :last",
        soci::use(first), soci::use(first), soci::use(last), soci::use(first), soci::use(last), soci::use(first),
        soci::use(last), soci::use(last);
    sql << "DELETE FROM result_segment WHERE id >= :first AND id < :last", soci::use(first), soci::use(last);
    write_filter(sql, last, filter);
    return {};
  });
}

}  // namespace

Retention retention_in(soci::session& sql, const Retention& fallback) {
  Retention kept = fallback;
  sql << "SELECT days, bytes FROM result_retention WHERE id = 1", soci::into(kept.days), soci::into(kept.bytes);
  if (!sql.got_data()) return fallback;
  kept.queries.clear();
  std::string name;
  std::int64_t days = 0;
  soci::statement statement =
      (sql.prepare << "SELECT name, days FROM result_retention_query", soci::into(name), soci::into(days));
  statement.execute();
  while (statement.fetch()) kept.queries.emplace(name, days);
  return kept;
}

Result<void> write_retention(db::Transaction& transaction, const Retention& retention) {
  TRY(check(retention));
  soci::session& sql = transaction.sql();
  carry_sweeps_over(sql, retention_in(sql, retention), retention);
  sql << "INSERT INTO result_retention (id, days, bytes) VALUES (1, :days, :bytes) "
         "ON CONFLICT (id) DO UPDATE SET days = excluded.days, bytes = excluded.bytes",
      soci::use(retention.days), soci::use(retention.bytes);
  sql << "DELETE FROM result_retention_query";
  for (const auto& [name, days] : retention.queries)
    sql << "INSERT INTO result_retention_query (name, days) VALUES (:name, :days)", soci::use(name), soci::use(days);
  return {};
}

Result<Statistics> read_statistics(db::Database& database) {
  return database.read([](soci::session& sql) {
    Statistics statistics;
    long long rows = 0, first = 0, last = 0;
    int day = 0;
    soci::statement statement =
        (sql.prepare << "SELECT day, CAST(sum(rows) AS BIGINT), min(first_received_at), max(last_received_at) "
                        "FROM result_segment GROUP BY day ORDER BY day DESC",
         soci::into(day), soci::into(rows), soci::into(first), soci::into(last));
    statement.execute();
    while (statement.fetch()) {
      statistics.days.push_back({day, rows});
      statistics.rows += rows;
      if (!statistics.oldest || first < statistics.oldest->ms) statistics.oldest = Timestamp{first};
      if (!statistics.newest || last > statistics.newest->ms) statistics.newest = Timestamp{last};
    }
    statistics.bytes = bytes_in(sql);
    return statistics;
  });
}

Result<void> drop_what_is_too_much(db::Database& database, const Retention& retention, Timestamp now) {
  TRY(Dropping(database, retention, now).run());
  return database.dialect() == db::Dialect::sqlite ? give_back_pages(database) : Result<void>{};
}

Result<void> make_late_filters(db::Database& database, Timestamp now) {
  auto segments = TRY(database.read(unfiltered_on));
  std::erase_if(segments, [&](const Small& one) { return one.created_at > now.ms - kSettledMs; });
  const auto end = steady_clock::now() + kFilterTime;
  std::size_t begin = 0, rows = 0;
  for (std::size_t i = 0; i <= segments.size() && steady_clock::now() < end; ++i) {
    const bool ends = i == segments.size() || segments[i].filtered || segments[i].day != segments[begin].day;
    const bool pending = begin < i && begin < segments.size() && !segments[begin].filtered;
    if (pending &&
        (rows >= kJoinedRows || (ends && (i < segments.size() || segments[begin].created_at < now.ms - kLateMs)))) {
      TRY(join(database, std::span(segments).subspan(begin, i - begin)));
      begin = i;
      rows = 0;
    }
    if (i == segments.size()) break;
    if (segments[i].filtered) {
      begin = i + 1;
      rows = 0;
    } else {
      rows += static_cast<std::size_t>(segments[i].rows);
    }
  }
  return {};
}

}  // namespace osprey::server::results
