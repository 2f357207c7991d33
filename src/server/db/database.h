// Database: SQLite in a file, or a PostgreSQL that several servers share. SQL is written once for both (schema.h); each
// slice does so in its own files, through SOCI's session.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>

#include "base/result.h"
#include "server/db/rider.h"
#include "server/db/schema.h"

namespace soci {
class session;
}

namespace osprey::server::db {

// Codes of errors (Error::code) that callers tell apart.
inline constexpr int kUnavailable = 107;  // ENOTCONN: the database is gone or busy; to be tried again
inline constexpr int kDuplicate = 17;     // EEXIST: a unique index refuses the row
inline constexpr int kTimeout = 110;      // ETIMEDOUT: the statement took longer than it may

// A message for every server on this database, within moments of the transaction's commit.
struct Notification {
  std::string channel;  // "hosts", "configuration", "live"…: the slice's name, or that and a word
  std::string payload;  // at most kPayloadMost bytes
};
inline constexpr std::size_t kPayloadMost = 4000;

class Transaction {
 public:
  virtual ~Transaction() = default;
  virtual soci::session& sql() = 0;
  // Told to all servers, this one too, if and when the transaction commits. A payload that is too long fails it.
  virtual void notify(std::string channel, std::string payload) = 0;
};

struct DatabaseOptions {
  // "sqlite:PATH" or "postgresql://USER@HOST:PORT/NAME?…" (libpq's URI; a password is better kept in PGPASSFILE).
  std::string url;
  unsigned connections = 8;                    // at most
  std::chrono::milliseconds wait{5000};        // for a free connection or lock, then kUnavailable
  std::chrono::milliseconds statement{30000};  // a statement's time, then kTimeout
};

// Thread-safe. Of SOCI's traps these are mended here: bound text may hold NUL and bytes that are not UTF-8 (text.h),
// bytes are bound by bytes.h. These are not: a temporary in soci::use(…) is gone before the statement runs (bind named
// variables); empty vectors throw; std::optional is not known (use an indicator).
class Database {
 public:
  virtual ~Database() = default;
  virtual Dialect dialect() const = 0;

  // Runs `work` on a connection of its own, outside of a transaction: for reading. A connection that turns out to be
  // lost is replaced and `work` run once more.
  template <class F>
  auto read(F&& work) -> Result<std::invoke_result_t<F, soci::session&>> {
    return read_within(std::chrono::milliseconds(0), std::forward<F>(work));
  }
  // The same with a time of its own for each statement.
  template <class F>
  auto read_within(std::chrono::milliseconds statement, F&& work) -> Result<std::invoke_result_t<F, soci::session&>> {
    using T = std::invoke_result_t<F, soci::session&>;
    if constexpr (std::is_void_v<T>) {
      return run_read(statement, work);
    } else {
      std::optional<T> value;
      if (auto done = run_read(statement, [&](soci::session& sql) { value.emplace(work(sql)); }); !done)
        return std::unexpected(std::move(done.error()));
      return std::move(*value);
    }
  }

  // Runs `work` in a transaction and commits: for writing. `work` returns a Result, whose error rolls back. It may be
  // run again from the start where the database asks for that (deadlock, serialization, a connection lost before the
  // commit), so it must not do anything else. SQLite has one writer at a time: keep it short.
  template <class F>
  auto write(F&& work) -> std::invoke_result_t<F, Transaction&> {
    using R = std::invoke_result_t<F, Transaction&>;
    std::optional<R> result;
    auto done = run_write([&](Transaction& transaction) -> Result<void> {
      if (auto boarded = Rider::board(transaction); !boarded) return boarded;
      result.emplace(work(transaction));
      if (!*result) return std::unexpected(result->error());
      return {};
    });
    if (!done) return std::unexpected(std::move(done.error()));
    Rider::arrive();
    return std::move(*result);
  }

  // Calls `on_message` for each message of the channel, in the order of the commits, on a thread of the database's.
  // `on_gap`: messages may have been missed (the connection was lost and is there again); reload what you hold. After
  // listen() has returned every later commit is seen, or a gap told. Callbacks end with the database; they must not
  // wait.
  using OnMessage = std::function<void(const std::string& payload)>;
  virtual void listen(std::string channel, OnMessage on_message, std::function<void()> on_gap) = 0;

  // Brings the schemas up to date; one server does so while others wait.
  virtual Result<void> migrate(std::span<const Schema> schemas) = 0;

  struct Counts {
    std::uint64_t reads = 0, writes = 0, retries = 0, failures = 0, waits_us = 0;
    unsigned open = 0, in_use = 0;
  };
  virtual Counts counts() const = 0;

 protected:
  // `statement` 0: as the options say.
  virtual Result<void> run_read(std::chrono::milliseconds statement,
                                const std::function<void(soci::session&)>& work) = 0;
  virtual Result<void> run_write(const std::function<Result<void>(Transaction&)>& work) = 0;
};

// Exceptions of SOCI become errors; a file or server that cannot be had is one that says what to do.
Result<std::unique_ptr<Database>> open(const DatabaseOptions& options);

}  // namespace osprey::server::db
