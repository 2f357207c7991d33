#include "server/results/sweep.h"

#include <fmt/format.h>
#include <soci/soci.h>

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include "server/db/session.h"
#include "server/results/retention.h"
#include "server/results/segment.h"

namespace osprey::server::results {

namespace {

using std::chrono::steady_clock;

constexpr long long kSweepLock = 0x6f737072'65793036;  // an advisory lock's key
constexpr const char* kCopy = "result_line_kept";      // PostgreSQL's; there while a sweep is under way

enum class Step : std::uint8_t { more, finished, later };

bool on_postgresql(soci::session& sql) { return db::postgresql_connection(sql) != nullptr; }

// SQLite has one writer at a time.
bool try_lock(soci::session& sql) {
  int alone = 1;
  if (on_postgresql(sql))
    sql << fmt::format("SELECT CASE WHEN pg_try_advisory_xact_lock({}) THEN 1 ELSE 0 END", kSweepLock),
        soci::into(alone);
  return alone != 0;
}
void wait_for_lock(soci::session& sql) {
  if (on_postgresql(sql)) sql << fmt::format("SELECT pg_advisory_xact_lock({})", kSweepLock);
}

struct State {
  std::int32_t day = 0;
  std::int64_t term = 0, segment = 0;
  int done = 0;
};

std::vector<State> states(soci::session& sql) {
  std::vector<State> found;
  State one;
  soci::statement statement =
      (sql.prepare << "SELECT day, term, segment, done FROM result_sweep ORDER BY day", soci::into(one.day),
       soci::into(one.term), soci::into(one.segment), soci::into(one.done));
  statement.execute();
  while (statement.fetch()) found.push_back(one);
  return found;
}

// Of lines that are kept for `term` days or shorter. Those of no query, as status lines are, have the general days.
std::string goes(const Retention& retention, std::int64_t term) {
  if (retention.days <= term)
    return fmt::format("name NOT IN (SELECT name FROM result_retention_query WHERE days > {})", term);
  return fmt::format("name IN (SELECT name FROM result_retention_query WHERE days <= {})", term);
}

class Sweeper {
 public:
  Sweeper(db::Database& database, const Retention& retention, const Sweep& which, Timestamp now)
      : database_(database), retention_(retention), which_(which), now_(now) {}

  Result<Step> begin() {
    return in_transaction([this](soci::session& sql) {
      const auto all = states(sql);
      const auto mine = std::ranges::find(all, which_.day, &State::day);
      if (mine != all.end() && mine->done == 0) return Step::more;
      const bool swept = mine != all.end() && mine->term >= which_.term;
      if (!next_segment(sql, swept ? mine->segment : 0)) return Step::finished;
      if (std::ranges::find(all, 0, &State::done) != all.end()) return Step::later;
      sql << "INSERT INTO result_sweep (day, term, segment, done) VALUES (:day, :term, 0, 0) "
             "ON CONFLICT (day) DO UPDATE SET term = excluded.term, segment = 0, done = 0",
          soci::use(which_.day), soci::use(which_.term);
      if (on_postgresql(sql)) {
        make_table_of_day(sql, kCopy, which_.day);
        sql << fmt::format("CREATE INDEX ON {} (id)", kCopy);
        sql << fmt::format("CREATE INDEX ON {} (host, id)", kCopy);
      }
      return Step::more;
    });
  }

  Result<Step> go_on() {
    return in_transaction([this](soci::session& sql) {
      const auto all = states(sql);
      const auto mine = std::ranges::find(all, which_.day, &State::day);
      if (mine == all.end() || mine->done != 0) return Step::finished;
      const auto next = next_segment(sql, mine->segment);
      if (!next) return finish(sql, mine->segment);
      // One of the future is settled: the clock has been set back since.
      if (std::abs(now_.ms - next->created_at) < kSettledMs) return Step::later;
      go_through(sql, *next, mine->segment, goes(retention_, mine->term));
      sql << "UPDATE result_sweep SET segment = :segment WHERE day = :day", soci::use(next->id), soci::use(which_.day);
      return Step::more;
    });
  }

 private:
  struct Segments {
    std::int64_t id = 0, first = 0, rows = 0, created_at = 0;
  };

  // Another retention than the caller's may have been set meanwhile.
  template <class F>
  Result<Step> in_transaction(F&& work) {
    return database_.write([&](db::Transaction& transaction) -> Result<Step> {
      soci::session& sql = transaction.sql();
      if (!try_lock(sql) || retention_in(sql, retention_) != retention_) return Step::later;
      return work(sql);
    });
  }

  std::optional<Segments> next_segment(soci::session& sql, std::int64_t after) const {
    Segments next;
    sql << "SELECT id, COALESCE(first, id), rows, created_at FROM result_segment WHERE day = :day AND id > :after "
           "ORDER BY id LIMIT 1",
        soci::use(which_.day), soci::use(after), soci::into(next.id), soci::into(next.first), soci::into(next.rows),
        soci::into(next.created_at);
    return sql.got_data() ? std::optional(next) : std::nullopt;
  }

  void go_through(soci::session& sql, const Segments& segments, std::int64_t after, const std::string& goes) const {
    // Some of them may have been gone through before they were joined.
    const std::int64_t first = first_row_of(segments.first), last = last_row_of(segments.id);
    const std::int64_t from = std::max(first, first_row_of(after + 1));
    const bool copies = on_postgresql(sql);
    if (copies)
      sql << fmt::format(
          "INSERT INTO {} SELECT * FROM result_line WHERE day = :day AND id BETWEEN :from AND :to AND NOT ({})", kCopy,
          goes),
          soci::use(which_.day), soci::use(from), soci::use(last);
    else
      sql << "DELETE FROM result_line WHERE day = :day AND id BETWEEN :from AND :to AND " + goes, soci::use(which_.day),
          soci::use(from), soci::use(last);
    std::int64_t stay = 0;
    sql << fmt::format("SELECT count(*) FROM {} WHERE day = :day AND id BETWEEN :from AND :to",
                       copies ? kCopy : "result_line"),
        soci::use(which_.day), soci::use(first), soci::use(last), soci::into(stay);
    if (stay == 0 && !copies) {
      sql << "DELETE FROM result_segment WHERE id = :id", soci::use(segments.id);
      return;
    }
    // A filter that mostly tells of lines that are gone is made anew, with those of the neighbours. A copy's empty
    // segments go when it takes the day's place: a search passes over those without rows.
    const bool few = stay * 2 < segments.rows;
    const std::int64_t rows = std::max<std::int64_t>(stay, 1);
    sql << fmt::format("UPDATE result_segment SET rows = :rows{} WHERE id = :id", few ? ", filter = NULL" : ""),
        soci::use(rows), soci::use(segments.id);
  }

  Step finish(soci::session& sql, std::int64_t last) const {
    if (on_postgresql(sql)) {
      // Those that come after would wait behind it: rather the next minute again.
      sql << "SET LOCAL lock_timeout = 1000";
      sql << fmt::format("LOCK TABLE {} IN EXCLUSIVE MODE", table_of_day(which_.day));
      if (next_segment(sql, last)) return Step::more;
      sql << fmt::format(
          "DELETE FROM result_segment s WHERE day = :day AND NOT EXISTS (SELECT 1 FROM {} k WHERE k.id BETWEEN "
          "COALESCE(s.first, s.id) << {} AND (s.id << {}) + {})",
          kCopy, kSegmentBits, kSegmentBits, kSegmentRows - 1),
          soci::use(which_.day);
      sql << fmt::format("DROP TABLE {}", table_of_day(which_.day));
      sql << fmt::format("ALTER TABLE {} RENAME TO {}", kCopy, table_of_day(which_.day));
      attach_table_of_day(sql, which_.day);
    }
    sql << "UPDATE result_sweep SET done = 1 WHERE day = :day", soci::use(which_.day);
    return Step::finished;
  }

  db::Database& database_;
  const Retention& retention_;
  const Sweep which_;
  const Timestamp now_;
};

}  // namespace

Result<std::optional<Sweep>> sweep_under_way(db::Database& database) {
  return database.read([](soci::session& sql) {
    Sweep found;
    sql << "SELECT day, term FROM result_sweep WHERE done = 0", soci::into(found.day), soci::into(found.term);
    return sql.got_data() ? std::optional(found) : std::nullopt;
  });
}

Result<bool> sweep(db::Database& database, const Retention& retention, const Sweep& which, Timestamp now,
                   steady_clock::time_point end) {
  Sweeper sweeper(database, retention, which, now);
  Step step = TRY(sweeper.begin());
  while (step == Step::more && steady_clock::now() < end) step = TRY(sweeper.go_on());
  return step == Step::finished;
}

void forget_sweeps(soci::session& sql, std::int32_t last) {
  wait_for_lock(sql);
  int under_way = 0;
  sql << "SELECT count(*) FROM result_sweep WHERE done = 0 AND day <= :last", soci::use(last), soci::into(under_way);
  if (under_way > 0 && on_postgresql(sql)) sql << fmt::format("DROP TABLE {}", kCopy);
  sql << "DELETE FROM result_sweep WHERE day <= :last", soci::use(last);
}

void carry_sweeps_over(soci::session& sql, const Retention& from, const Retention& to) {
  if (from.days == to.days && from.queries == to.queries) return;
  wait_for_lock(sql);
  const auto kept = [](const Retention& retention, const std::string& query) {
    const auto own = retention.queries.find(query);
    return own == retention.queries.end() ? retention.days : own->second;
  };
  std::vector<std::pair<std::int64_t, std::int64_t>> terms = {{from.days, to.days}};
  for (const Retention* each : {&from, &to})
    for (const auto& [query, days] : each->queries) terms.emplace_back(kept(from, query), kept(to, query));
  for (const State& state : states(sql)) {
    // Of the lines that may still be there none is kept shorter than this.
    std::int64_t shortest = kMostDays;
    for (const auto& [before, after] : terms)
      if (before > state.term) shortest = std::min(shortest, after);
    const std::int64_t term = state.done != 0 ? shortest - 1 : 0;
    if (state.done == 0 && on_postgresql(sql)) sql << fmt::format("DROP TABLE {}", kCopy);
    sql << "UPDATE result_sweep SET term = :term, done = 1 WHERE day = :day", soci::use(term), soci::use(state.day);
  }
}

void remove_host_from_sweep(soci::session& sql, std::int64_t host) {
  if (!on_postgresql(sql)) return;
  wait_for_lock(sql);
  const auto all = states(sql);
  if (std::ranges::find(all, 0, &State::done) == all.end()) return;
  sql << fmt::format("DELETE FROM {} WHERE host = :host", kCopy), soci::use(host);
}

}  // namespace osprey::server::results
