#include "server/results/retention.h"

#include <fmt/format.h>
#include <soci/soci.h>
#include <sqlite3.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "server/db/session.h"
#include "server/results/segment.h"
#include "server/results/value_filter.h"

namespace osprey::server::results {

namespace {

using std::chrono::steady_clock;

bool too_much(long long bytes, const Retention& retention) { return retention.bytes > 0 && bytes > retention.bytes; }
bool too_old(std::int32_t day, const Retention& retention, std::int32_t today) { return day <= today - retention.days; }

// A transaction that stores is over long before: no number below a segment of this age is still to come.
constexpr std::int64_t kSettledMs = 60'000;
// When a filter is made however few rows there are.
constexpr std::int64_t kLateMs = 3'600'000;
constexpr std::size_t kJoinedRows = 4096;
constexpr std::chrono::seconds kDropTime{10};         // segment by segment, in one call
constexpr long long kTrimLock = 0x6f737072'65793035;  // an advisory lock's key
constexpr double kIndexBytes = 72;                    // of a row, on PostgreSQL, and what its page says of it

struct DayTable {
  std::int32_t day = 0;
  long long bytes = 0;
};

// PostgreSQL's, oldest first.
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
  std::ranges::sort(tables, {}, &DayTable::day);
  return tables;
}

Result<void> drop_day(db::Database& database, std::int32_t day) {
  return database.write([&](db::Transaction& transaction) -> Result<void> {
    soci::session& sql = transaction.sql();
    // Those that come after would wait behind it: rather the next minute again.
    sql << "SET LOCAL lock_timeout = 1000";
    sql << fmt::format("DROP TABLE IF EXISTS result_line_d{}", day);
    sql << "DELETE FROM result_segment WHERE day <= :day", soci::use(day);
    return {};
  });
}

struct Segments {
  long long id = 0, first = 0, rows = 0;
  int day = 0;
};

std::optional<Segments> oldest_segments(soci::session& sql) {
  Segments oldest;
  sql << "SELECT id, COALESCE(first, id), rows, day FROM result_segment ORDER BY id LIMIT 1", soci::into(oldest.id),
      soci::into(oldest.first), soci::into(oldest.rows), soci::into(oldest.day);
  return sql.got_data() ? std::optional(oldest) : std::nullopt;
}

void drop(soci::session& sql, const Segments& segments) {
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
      const auto oldest = oldest_segments(sql);
      if (!oldest) break;
      drop(sql, *oldest);
      bytes -= static_cast<double>(oldest->rows) * live.a_row;
    }
    return {};
  });
}

Result<void> drop_days(db::Database& database, const Retention& retention, std::int32_t today) {
  const auto tables = TRY(database.read([](soci::session& sql) { return day_tables(sql); }));
  long long bytes = 0;
  for (const DayTable& table : tables) bytes += table.bytes;
  for (const DayTable& table : tables) {
    if (table.day >= today) break;
    if (!too_old(table.day, retention, today) && !too_much(bytes, retention)) break;
    TRY(drop_day(database, table.day));
    bytes -= table.bytes;
  }
  return too_much(bytes, retention) ? trim_today(database, retention, today) : Result<void>{};
}

long long sqlite_bytes(soci::session& sql) {
  long long pages = 0, free = 0, size = 0;
  sql << "PRAGMA page_count", soci::into(pages);
  sql << "PRAGMA freelist_count", soci::into(free);
  sql << "PRAGMA page_size", soci::into(size);
  return (pages - free) * size;
}

// True: there was one and it is gone.
Result<bool> drop_oldest_segment(db::Database& database, const Retention& retention, std::int32_t today) {
  return database.write([&](db::Transaction& transaction) -> Result<bool> {
    soci::session& sql = transaction.sql();
    const auto oldest = oldest_segments(sql);
    if (!oldest || (!too_old(oldest->day, retention, today) && !too_much(sqlite_bytes(sql), retention))) return false;
    drop(sql, *oldest);
    return true;
  });
}

Result<void> give_back_pages(db::Database& database) {
  return database.write([](db::Transaction& transaction) -> Result<void> {
    ::sqlite3_exec(db::sqlite_connection(transaction.sql()), "PRAGMA incremental_vacuum(4096)", nullptr, nullptr,
                   nullptr);
    return {};
  });
}

struct Small {
  long long id = 0, first = 0, rows = 0, created_at = 0;
  int day = 0;
  bool filtered = false;
};

std::vector<Small> unfiltered_on(soci::session& sql) {
  std::vector<Small> found;
  Small one;
  int filtered = 0;
  soci::statement statement =
      (sql.prepare
           << "SELECT id, COALESCE(first, id), rows, created_at, day, CASE WHEN filter IS NULL THEN 0 ELSE 1 END "
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

Result<Retention> read_retention(db::Database& database, const Retention& fallback) {
  return database.read([&](soci::session& sql) {
    Retention kept = fallback;
    sql << "SELECT days, bytes FROM result_retention WHERE id = 1", soci::into(kept.days), soci::into(kept.bytes);
    return kept;
  });
}

Result<void> write_retention(db::Transaction& transaction, const Retention& retention) {
  if (retention.days < 1 || retention.days > kMostDays)
    return failure("days", fmt::format("must be from 1 to {}", kMostDays));
  if (retention.bytes < 0) return failure("bytes", "must not be negative");
  transaction.sql() << "INSERT INTO result_retention (id, days, bytes) VALUES (1, :days, :bytes) "
                       "ON CONFLICT (id) DO UPDATE SET days = excluded.days, bytes = excluded.bytes",
      soci::use(retention.days), soci::use(retention.bytes);
  return {};
}

Result<Statistics> read_statistics(db::Database& database) {
  const bool sqlite = database.dialect() == db::Dialect::sqlite;
  return database.read([&](soci::session& sql) {
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
    if (sqlite) {
      statistics.bytes = sqlite_bytes(sql);
    } else {
      for (const DayTable& table : day_tables(sql)) statistics.bytes += table.bytes;
    }
    return statistics;
  });
}

Result<void> drop_what_is_too_much(db::Database& database, const Retention& retention, Timestamp now) {
  const std::int32_t today = day_of(now);
  if (database.dialect() == db::Dialect::postgresql) return drop_days(database, retention, today);
  const auto end = steady_clock::now() + kDropTime;
  bool any = false;
  while (steady_clock::now() < end && TRY(drop_oldest_segment(database, retention, today))) any = true;
  return any ? give_back_pages(database) : Result<void>{};
}

Result<void> make_late_filters(db::Database& database, Timestamp now) {
  auto segments = TRY(database.read(unfiltered_on));
  std::erase_if(segments, [&](const Small& one) { return one.created_at > now.ms - kSettledMs; });
  std::size_t begin = 0, rows = 0;
  for (std::size_t i = 0; i <= segments.size(); ++i) {
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
