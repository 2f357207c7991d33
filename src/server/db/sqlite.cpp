#include "server/db/sqlite.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <soci/soci.h>
#include <sqlite3.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/unique_fd.h"
#include "server/db/counters.h"
#include "server/db/listeners.h"
#include "server/db/migrate.h"
#include "server/db/noting_transaction.h"
#include "server/db/pool.h"
#include "server/db/session.h"

namespace osprey::server::db {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// How long one server waits while another migrates.
constexpr milliseconds kMigrationWait{600'000};
constexpr std::size_t kWaitingNotifications = 100'000;

Error error_of(::sqlite3* connection, const std::string& what) {
  switch (const int code = ::sqlite3_extended_errcode(connection); code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_NOMEM:
      return {kUnavailable, "database", what};
    case SQLITE_INTERRUPT:
      return {kTimeout, "database", "the statement took too long and was stopped"};
    case SQLITE_CONSTRAINT:
      if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY || code == SQLITE_CONSTRAINT_ROWID)
        return {kDuplicate, "database", what};
      [[fallthrough]];
    default:
      return {0, "database", what};
  }
}

Result<void> execute(::sqlite3* connection, const std::string& statements) {
  if (::sqlite3_exec(connection, statements.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return std::unexpected(error_of(connection, ::sqlite3_errmsg(connection)));
}

// Stops what runs on a connection for too long.
class Deadline {
 public:
  Deadline(::sqlite3* connection, milliseconds time) : connection_(connection), end_(steady_clock::now() + time) {
    constexpr int kInstructions = 20'000;  // well below a millisecond
    ::sqlite3_progress_handler(
        connection_, kInstructions,
        [](void* self) { return static_cast<int>(steady_clock::now() > static_cast<Deadline*>(self)->end_); }, this);
  }
  ~Deadline() { ::sqlite3_progress_handler(connection_, 0, nullptr, nullptr); }
  Deadline(const Deadline&) = delete;

 private:
  ::sqlite3* connection_;
  steady_clock::time_point end_;
};

// Tells notifications in the order in which they were committed, on a thread of its own.
class Teller {
 public:
  Teller() : thread_([this] { run(); }) {}
  ~Teller() {
    {
      std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }
  Listeners listeners;

  void add(std::vector<Notification> notifications) {
    {
      std::lock_guard lock(mutex_);
      for (Notification& notification : notifications) queue_.push_back(std::move(notification));
      if (queue_.size() > kWaitingNotifications) {
        queue_.clear();
        gap_ = true;
      }
    }
    changed_.notify_one();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return ending_ || gap_ || !queue_.empty(); });
      if (ending_) return;
      std::deque<Notification> told = std::exchange(queue_, {});
      const bool gap = std::exchange(gap_, false);
      lock.unlock();
      if (gap) listeners.tell_gap();
      for (const Notification& notification : told) listeners.tell(notification);
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Notification> queue_;
  bool gap_ = false;
  bool ending_ = false;
  std::thread thread_;
};

Result<std::unique_ptr<soci::session>> open_session(const std::string& path, const std::string& pragmas,
                                                    milliseconds wait) {
  try {
    auto session = open_sqlite_session(path);
    ::sqlite3* const connection = sqlite_connection(*session);
    ::sqlite3_busy_timeout(connection, static_cast<int>(wait.count()));
    TRY(execute(connection, pragmas));
    return session;
  } catch (const soci::soci_error& error) {
    return std::unexpected(Error{kUnavailable, path, error.get_error_message()});
  }
}

class SqliteDatabase final : public Database {
 public:
  SqliteDatabase(std::string path, const DatabaseOptions& options, std::unique_ptr<soci::session> writer)
      : options_(options), writer_(std::move(writer)), readers_(options.connections, options.wait, [path, options] {
          return open_session(path, "PRAGMA foreign_keys = ON; PRAGMA cache_size = -16384; PRAGMA query_only = ON;",
                              options.wait);
        }) {}

  Dialect dialect() const override { return Dialect::sqlite; }

  void listen(std::string channel, OnMessage on_message, std::function<void()> on_gap) override {
    teller_.listeners.add(std::move(channel), std::move(on_message), std::move(on_gap));
  }

  Result<void> migrate(std::span<const Schema> schemas) override {
    std::lock_guard lock(writing_);
    ::sqlite3* const connection = sqlite_connection(*writer_);
    ::sqlite3_busy_timeout(connection, static_cast<int>(kMigrationWait.count()));
    auto done = within_transaction([&]() -> Result<void> {
      return db::migrate({.dialect = Dialect::sqlite,
                          .sql = *writer_,
                          .execute = [&](const std::string& statements) { return execute(connection, statements); }},
                         schemas);
    });
    ::sqlite3_busy_timeout(connection, static_cast<int>(options_.wait.count()));
    return done;
  }

  Counts counts() const override {
    auto counts = counters_.with(readers_.counts());
    ++counts.open;  // the writer
    return counts;
  }

 protected:
  Result<void> run_read(milliseconds statement, const std::function<void(soci::session&)>& work) override {
    ++counters_.reads;
    auto lease = TRY(readers_.lease());
    ::sqlite3* const connection = sqlite_connection(*lease);
    const Deadline deadline(connection, statement.count() > 0 ? statement : options_.statement);
    try {
      work(*lease);
      return {};
    } catch (const soci::soci_error& error) {
      ++counters_.failures;
      return std::unexpected(error_of(connection, error.get_error_message()));
    }
  }

  Result<void> run_write(const std::function<Result<void>(Transaction&)>& work) override {
    ++counters_.writes;
    std::unique_lock lock(writing_, options_.wait);
    if (!lock) return std::unexpected(Error{kUnavailable, "database", "others are writing"});
    NotingTransaction transaction(*writer_);
    auto done = within_transaction([&]() -> Result<void> {
      TRY(work(transaction));
      for (const Notification& notification : transaction.notifications) TRY(check(notification));
      return {};
    });
    if (!done) {
      ++counters_.failures;
      return done;
    }
    if (!transaction.notifications.empty()) teller_.add(std::move(transaction.notifications));
    return {};
  }

 private:
  // Rolls back unless `work` has succeeded and the commit too. The caller holds the writer.
  Result<void> within_transaction(const std::function<Result<void>()>& work) {
    ::sqlite3* const connection = sqlite_connection(*writer_);
    // Also where `work` throws something else.
    struct Rollback {
      ::sqlite3* connection;
      ~Rollback() {
        if (!::sqlite3_get_autocommit(connection)) (void)execute(connection, "ROLLBACK");
      }
    } rollback{connection};
    TRY(execute(connection, "BEGIN IMMEDIATE"));
    try {
      TRY(work());
    } catch (const soci::soci_error& error) {
      return std::unexpected(error_of(connection, error.get_error_message()));
    }
    return execute(connection, "COMMIT");
  }

  const DatabaseOptions options_;
  Counters counters_;
  std::timed_mutex writing_;
  std::unique_ptr<soci::session> writer_;
  Pool readers_;
  Teller teller_;
};

}  // namespace

Result<std::unique_ptr<Database>> open_sqlite(const std::string& path, const DatabaseOptions& options) {
  if (path.find('"') != std::string::npos || path.find('\0') != std::string::npos)
    return failure("database", "the file's path must be without quotes");
  // Node keys and sessions are in it: for the server's user only. SQLite gives its other files the same mode.
  if (const UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)); !file) return system_failure(path);
  auto writer =
      TRY(open_session(path,
                       "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
                       "PRAGMA foreign_keys = ON; PRAGMA cache_size = -65536; "
                       "PRAGMA wal_autocheckpoint = 10000; PRAGMA journal_size_limit = 67108864;",
                       options.wait));
  return std::make_unique<SqliteDatabase>(path, options, std::move(writer));
}

}  // namespace osprey::server::db
