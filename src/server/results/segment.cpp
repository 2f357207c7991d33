#include "server/results/segment.h"

#include <fmt/format.h>
#include <soci/soci.h>
#include <sqlite3.h>

#include <algorithm>

#include "server/db/bytes.h"
#include "server/db/copy.h"
#include "server/db/session.h"
#include "server/results/value_filter.h"

namespace osprey::server::results {

namespace {

constexpr long long kDayLock = 0x6f737072'65793032;  // an advisory lock's key

// SOCI cannot bind bytes to SQLite.
void bind_filter_on_sqlite(soci::session& sql, std::int64_t segment, const std::string& filter) {
  ::sqlite3* const connection = db::sqlite_connection(sql);
  ::sqlite3_stmt* statement = nullptr;
  ::sqlite3_prepare_v2(connection, "UPDATE result_segment SET filter = ?1 WHERE id = ?2", -1, &statement, nullptr);
  ::sqlite3_bind_blob64(statement, 1, filter.data(), filter.size(), SQLITE_STATIC);
  ::sqlite3_bind_int64(statement, 2, segment);
  const int done = ::sqlite3_step(statement);
  ::sqlite3_finalize(statement);
  if (done != SQLITE_DONE) throw soci::soci_error(::sqlite3_errmsg(connection));
}

std::int64_t insert_segment(soci::session& sql, const Segment& segment, Timestamp now, bool with_filter) {
  const long long rows = static_cast<long long>(segment.rows.size());
  db::Bytes filter{segment.filter};
  soci::indicator has_filter = with_filter ? soci::i_ok : soci::i_null;
  long long id = 0;
  sql << "INSERT INTO result_segment (day, rows, first_received_at, last_received_at, created_at, filter) "
         "VALUES (:day, :rows, :first, :last, :now, :filter) RETURNING id",
      soci::use(segment.day), soci::use(rows), soci::use(segment.first.ms), soci::use(segment.last.ms),
      soci::use(now.ms), soci::use(filter, has_filter), soci::into(id);
  return id;
}

// In the order in which the columns stand in both databases' statements.
constexpr std::string_view kColumns =
    "id, day, received_at, host, unix_at, kind, action, severity, epoch, counter, name, columns, decorations";
constexpr int kColumnCount = 13;

void copy_rows(db::CopyIn& copy, const Segment& segment, std::int64_t id) {
  std::int64_t number = first_row_of(id);
  for (const auto& [row, host, received] : segment.rows) {
    copy.row(kColumnCount);
    copy.bigint(number++);
    copy.integer(segment.day);
    copy.bigint(received.ms);
    copy.bigint(host);
    copy.bigint(row->unix_ms);
    copy.smallint(static_cast<std::int16_t>(row->kind));
    copy.smallint(static_cast<std::int16_t>(row->action));
    copy.smallint(row->severity);
    copy.bigint(row->epoch);
    copy.bigint(row->counter);
    copy.text(row->name);
    copy.text(row->columns);
    copy.text(row->decorations);
  }
}

// SOCI's own binding costs a third of the time here.
class SqliteInsert {
 public:
  explicit SqliteInsert(soci::session& sql) : connection_(db::sqlite_connection(sql)) {
    const std::string text =
        fmt::format("INSERT INTO result_line ({}) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)", kColumns);
    if (::sqlite3_prepare_v2(connection_, text.c_str(), -1, &statement_, nullptr) != SQLITE_OK) fail();
  }
  SqliteInsert(const SqliteInsert&) = delete;
  ~SqliteInsert() { ::sqlite3_finalize(statement_); }

  void insert(const Segment& segment, std::int64_t id) {
    std::int64_t number = first_row_of(id);
    for (const auto& [row, host, received] : segment.rows) {
      const std::int64_t numbers[] = {number++,
                                      segment.day,
                                      received.ms,
                                      host,
                                      row->unix_ms,
                                      static_cast<std::int64_t>(row->kind),
                                      static_cast<std::int64_t>(row->action),
                                      row->severity,
                                      row->epoch,
                                      row->counter};
      int place = 0;
      for (const std::int64_t value : numbers) ::sqlite3_bind_int64(statement_, ++place, value);
      for (const std::string* text : {&row->name, &row->columns, &row->decorations})
        ::sqlite3_bind_text64(statement_, ++place, text->data(), text->size(), SQLITE_STATIC, SQLITE_UTF8);
      if (::sqlite3_step(statement_) != SQLITE_DONE) fail();
      ::sqlite3_reset(statement_);
    }
  }

 private:
  [[noreturn]] void fail() const { throw soci::soci_error(::sqlite3_errmsg(connection_)); }

  ::sqlite3* const connection_;
  ::sqlite3_stmt* statement_ = nullptr;
};

}  // namespace

std::int32_t day_of(Timestamp time) noexcept {
  constexpr std::int64_t kDay = 86'400'000;
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(time.ms / kDay, 0, 3'000'000));
}

std::vector<Segment> split(std::span<Prepared> batches) {
  std::vector<Segment> segments;
  std::vector<Tokens> tokens;
  for (const Prepared& batch : batches) {
    const std::int32_t day = day_of(batch.received);
    bool begun = false;
    for (const Row& row : batch.rows) {
      if (segments.empty() || segments.back().day != day || segments.back().rows.size() == kSegmentRows) {
        segments.push_back({.day = day, .first = batch.received, .last = batch.received});
        tokens.emplace_back();
        begun = false;
      }
      Segment& segment = segments.back();
      if (!std::exchange(begun, true)) {
        segment.first = std::min(segment.first, batch.received);
        segment.last = std::max(segment.last, batch.received);
        // Of all rows of the batch, also those in the next segment: it says yes a little more often.
        tokens.back().insert(tokens.back().end(), batch.tokens.begin(), batch.tokens.end());
      }
      segment.rows.push_back({&row, batch.host, batch.received});
    }
  }
  for (std::size_t i = 0; i < segments.size(); ++i)
    if (segments[i].rows.size() >= kFilteredRows) segments[i].filter = make_filter(tokens[i]);
  return segments;
}

void write(db::Transaction& transaction, db::Dialect dialect, const std::vector<Segment>& segments, Timestamp now) {
  soci::session& sql = transaction.sql();
  std::vector<std::int64_t> ids;
  for (const Segment& segment : segments) {
    const bool postgresql = dialect == db::Dialect::postgresql;
    ids.push_back(insert_segment(sql, segment, now, postgresql && !segment.filter.empty()));
    if (!postgresql && !segment.filter.empty()) bind_filter_on_sqlite(sql, ids.back(), segment.filter);
  }
  if (dialect == db::Dialect::sqlite) {
    SqliteInsert insert(sql);
    for (std::size_t i = 0; i < segments.size(); ++i) insert.insert(segments[i], ids[i]);
  } else {
    db::CopyIn copy(sql, fmt::format("result_line ({})", kColumns));
    for (std::size_t i = 0; i < segments.size(); ++i) copy_rows(copy, segments[i], ids[i]);
    copy.end();
  }
}

void write_filter(soci::session& sql, std::int64_t segment, const std::string& filter) {
  if (db::sqlite_connection(sql)) return bind_filter_on_sqlite(sql, segment, filter);
  const db::Bytes bytes{filter};
  sql << "UPDATE result_segment SET filter = :filter WHERE id = :id", soci::use(bytes), soci::use(segment);
}

std::string table_of_day(std::int32_t day) { return fmt::format("result_line_d{}", day); }

void make_table_of_day(soci::session& sql, const std::string& name, std::int32_t day) {
  sql << fmt::format(
      "CREATE TABLE {} (LIKE result_line INCLUDING DEFAULTS INCLUDING STORAGE, CHECK (day = {})) "
      "WITH (autovacuum_vacuum_scale_factor = 0.05)",
      name, day);
}

void attach_table_of_day(soci::session& sql, std::int32_t day) {
  sql << fmt::format("ALTER TABLE result_line ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})", table_of_day(day), day,
                     day + 1);
}

Result<void> make_day(db::Database& database, std::int32_t day) {
  if (database.dialect() == db::Dialect::sqlite) return {};
  const std::string name = table_of_day(day);
  return database.write([&](db::Transaction& transaction) -> Result<void> {
    soci::session& sql = transaction.sql();
    int there = 0;
    const auto look = [&] {
      sql << "SELECT count(*) FROM pg_class WHERE oid = to_regclass(:name)", soci::use(name), soci::into(there);
      return there != 0;
    };
    if (look()) return {};
    // PARTITION OF would wait for everybody who reads; a table that is attached does not.
    sql << fmt::format("SELECT pg_advisory_xact_lock({})", kDayLock);
    if (look()) return {};
    make_table_of_day(sql, name, day);
    attach_table_of_day(sql, day);
    return {};
  });
}

}  // namespace osprey::server::results
