#include "server/results/results.h"

#include <soci/soci.h>

#include <atomic>
#include <mutex>
#include <set>

#include "server/db/group_commit.h"
#include "server/results/retention.h"
#include "server/results/segment.h"
#include "server/results/sweep.h"

namespace osprey::server::results {

namespace {

class StoredResults final : public Results {
 public:
  StoredResults(db::Database& database, Options options)
      : database_(database),
        default_retention_(options.retention),
        group_({.most_items = 8192, .queue_bytes = options.queue_bytes, .linger = options.linger},
               [this](std::span<Prepared> batches) { return commit(batches); }) {}

  bool store(LogBatch batch, std::function<void(const Result<void>&)> done) override {
    Prepared prepared{.host = batch.host, .received = batch.received, .lines = batch.lines.size()};
    for (const std::string& line : batch.lines) {
      append_rows(line, batch.status, prepared.rows, prepared.tokens);
      if (prepared.rows.back().kind == Kind::raw) ++raw_;
    }
    prepared.size = sizeof prepared + prepared.tokens.size() * sizeof prepared.tokens[0];
    for (const Row& row : prepared.rows) prepared.size += row.bytes();
    if (group_.add(std::move(prepared), std::move(done))) return true;
    ++refused_;
    return false;
  }

  Result<Page> search(const Filter& filter, std::optional<std::int64_t> before, std::size_t limit,
                      std::chrono::milliseconds time) const override {
    return results::search(database_, filter, before, limit, time);
  }
  Result<Facets> facets(const Filter& filter, const FacetOptions& options) const override {
    return results::facets(database_, filter, options);
  }

  Result<Retention> retention() const override {
    return database_.read([this](soci::session& sql) { return retention_in(sql, default_retention_); });
  }
  Result<void> set_retention(db::Transaction& transaction, const Retention& retention) override {
    return write_retention(transaction, retention);
  }
  Result<void> remove_host(db::Transaction& transaction, std::int64_t host) override {
    soci::session& sql = transaction.sql();
    remove_host_from_sweep(sql, host);
    sql << "DELETE FROM result_line WHERE host = :host", soci::use(host);
    return {};
  }
  Result<Statistics> statistics() const override { return read_statistics(database_); }

  Counts counts() const override {
    return {.lines = lines_, .rows = rows_, .raw = raw_, .commits = commits_, .refused = refused_, .failed = failed_};
  }

  Result<void> maintain(Timestamp now) override {
    constexpr int kDaysAhead = 2;
    for (int ahead = 0; ahead <= kDaysAhead; ++ahead) TRY(make_day_once(day_of(now) + ahead));
    const Retention kept = TRY(retention());
    TRY(drop_what_is_too_much(database_, kept, now));
    return make_late_filters(database_, now);
  }

 private:
  Result<void> commit(std::span<Prepared> batches) {
    auto done = write_batches(batches);
    ++commits_;
    if (!done) {
      failed_ += batches.size();
      // A day that is thought to be there may have been dropped.
      std::lock_guard lock(mutex_);
      days_.clear();
      return done;
    }
    for (const Prepared& batch : batches) {
      lines_ += batch.lines;
      rows_ += batch.rows.size();
    }
    return done;
  }

  Result<void> write_batches(std::span<Prepared> batches) {
    const std::vector<Segment> segments = split(batches);
    if (segments.empty()) return {};
    for (const Segment& segment : segments) TRY(make_day_once(segment.day));
    const Timestamp now = system_clock()();
    return database_.write([&](db::Transaction& transaction) -> Result<void> {
      write(transaction, database_.dialect(), segments, now);
      return {};
    });
  }

  Result<void> make_day_once(std::int32_t day) {
    {
      std::lock_guard lock(mutex_);
      if (days_.contains(day)) return {};
    }
    TRY(make_day(database_, day));
    std::lock_guard lock(mutex_);
    days_.insert(day);
    return {};
  }

  db::Database& database_;
  const Retention default_retention_;
  std::atomic<std::uint64_t> lines_{0}, rows_{0}, raw_{0}, commits_{0}, refused_{0}, failed_{0};
  std::mutex mutex_;
  std::set<std::int32_t> days_;  // that are there
  db::GroupCommit<Prepared> group_;
};

}  // namespace

std::size_t LogBatch::bytes() const noexcept {
  std::size_t bytes = sizeof *this;
  for (const std::string& line : lines) bytes += sizeof line + line.size();
  return bytes;
}

std::unique_ptr<Results> make_results(db::Database& database, Options options) {
  return std::make_unique<StoredResults>(database, options);
}

}  // namespace osprey::server::results
