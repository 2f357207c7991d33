#include "server/db/postgresql.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>
#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>
#include <sys/eventfd.h>

#include <condition_variable>
#include <mutex>
#include <random>
#include <thread>

#include "base/text.h"
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

constexpr milliseconds kMigrationWait{600'000};
constexpr long long kMigrationLock = 0x6f737072'65793031;  // an advisory lock's key: ours alone
constexpr unsigned kTries = 6;                             // of a transaction that the database asks to run again

struct Failure {
  Error error;
  bool lost = false;   // the connection is of no more use
  bool again = false;  // the transaction may succeed when run again
};

Failure failure_of(PGconn* connection, std::string_view state, std::string message) {
  Error error{0, "database", std::string(trim(message))};
  const std::string_view kind = state.substr(0, 2);
  if (PQstatus(connection) == CONNECTION_BAD || kind == "08" || state == "57P01" || state == "57P02" ||
      state == "57P03") {
    error.code = kUnavailable;
    return {std::move(error), true, false};
  }
  if (state == "40001" || state == "40P01") {
    error.code = kUnavailable;
    return {std::move(error), false, true};
  }
  if (kind == "53" || state == "55P03" || state == "25006") error.code = kUnavailable;  // full, locked, a standby
  if (state == "23505") error.code = kDuplicate;
  if (state == "57014") {
    error.code = kTimeout;
    error.message = "the statement took too long and was stopped";
  }
  return {std::move(error), false, false};
}

Failure failure_of(PGconn* connection, const soci::soci_error& error) {
  const auto* with_state = dynamic_cast<const soci::postgresql_soci_error*>(&error);
  return failure_of(connection, with_state ? with_state->sqlstate() : "", error.get_error_message());
}

using PgResult = std::unique_ptr<PGresult, decltype(&PQclear)>;

std::expected<PgResult, Failure> checked(PGconn* connection, PGresult* raw) {
  PgResult result(raw, &PQclear);
  const ExecStatusType status = PQresultStatus(result.get());
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY) return result;
  const char* state = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
  const char* message = PQresultErrorField(result.get(), PG_DIAG_MESSAGE_PRIMARY);
  return std::unexpected(failure_of(connection, state ? state : "", message ? message : PQerrorMessage(connection)));
}

std::expected<PgResult, Failure> execute(PGconn* connection, const std::string& statements) {
  return checked(connection, PQexec(connection, statements.c_str()));
}

// Notices would go to standard error; what matters comes as an error, too.
void silence(PGconn* connection) {
  PQsetNoticeReceiver(connection, [](void*, const PGresult*) {}, nullptr);
}

// How libpq is to connect: the URL and, where it does not say otherwise, our own ways.
Result<std::string> conninfo_of(const DatabaseOptions& options) {
  char* why = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parsed(PQconninfoParse(options.url.c_str(), &why),
                                                                            &PQconninfoFree);
  PQfreemem(why);  // it shows the URL, which may hold a password
  if (!parsed) return failure("database", "libpq does not understand the URL; it is postgresql://USER@HOST:PORT/NAME");
  // A peer that is gone without a word is noticed within half a minute.
  std::map<std::string, std::string> values = {
      {"application_name", "osprey-server"},
      {"connect_timeout", fmt::format("{}", std::max<long>(2, options.wait.count() / 1000))},
      {"client_encoding", "UTF8"},
      {"keepalives_idle", "15"},
      {"keepalives_interval", "5"},
      {"keepalives_count", "3"},
      {"tcp_user_timeout", "30000"},
  };
  for (const PQconninfoOption* option = parsed.get(); option->keyword; ++option)
    if (option->val) values[option->keyword] = option->val;
  std::string conninfo;
  for (const auto& [key, value] : values) {
    conninfo += key + "='";
    for (const char c : value) {
      if (c == '\'' || c == '\\') conninfo += '\\';
      conninfo += c;
    }
    conninfo += "' ";
  }
  return conninfo;
}

// Listens on a connection and a thread of its own, and connects again when that is lost.
class ListeningConnection {
 public:
  explicit ListeningConnection(std::string conninfo)
      : conninfo_(std::move(conninfo)), wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
  ~ListeningConnection() {
    {
      std::lock_guard lock(mutex_);
      ending_ = true;
    }
    wake();
    if (thread_.joinable()) thread_.join();
  }

  // Waits until the channel is listened to, or the database proves to be away (then a gap follows).
  void listen(std::string channel, Database::OnMessage on_message, std::function<void()> on_gap) {
    listeners_.add(std::move(channel), std::move(on_message), std::move(on_gap));
    std::unique_lock lock(mutex_);
    const std::uint64_t wanted = ++wanted_;
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
    wake();
    if (thread_.get_id() != std::this_thread::get_id()) changed_.wait(lock, [&] { return seen_ >= wanted; });
  }

 private:
  using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;
  static constexpr milliseconds kFirstDelay{100};
  static constexpr milliseconds kLongestDelay{5000};

  void wake() const {
    const std::uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof one);
  }
  bool ending() {
    std::lock_guard lock(mutex_);
    return ending_;
  }

  void run() {
    milliseconds delay = kFirstDelay;
    bool first = true;
    while (!ending()) {
      const Connection connection(PQconnectdb(conninfo_.c_str()), &PQfinish);
      silence(connection.get());
      if (subscribe(connection.get())) {
        delay = kFirstDelay;
        if (!first) listeners_.tell_gap();
        first = false;
        follow(connection.get());
        continue;
      }
      // Nobody knows what was said before the first connection.
      first = false;
      wait(delay);
      delay = std::min(delay * 2, kLongestDelay);
    }
    std::lock_guard lock(mutex_);
    seen_ = UINT64_MAX;
    changed_.notify_all();
  }

  // Listens to every channel that is wanted; false: the connection is no good.
  bool subscribe(PGconn* connection) {
    std::uint64_t wanted = 0;
    {
      std::lock_guard lock(mutex_);
      wanted = wanted_;
    }
    bool good = PQstatus(connection) == CONNECTION_OK;
    for (const std::string& channel : good ? listeners_.channels() : std::vector<std::string>{}) {
      const std::unique_ptr<char, decltype(&PQfreemem)> name(
          PQescapeIdentifier(connection, channel.data(), channel.size()), &PQfreemem);
      good = good && name && execute(connection, fmt::format("LISTEN {}", name.get()));
    }
    std::lock_guard lock(mutex_);
    seen_ = std::max(seen_, wanted);
    changed_.notify_all();
    return good;
  }

  // Until the connection is lost or the end has come.
  void follow(PGconn* connection) {
    while (!ending()) {
      for (PGnotify* raw; (raw = PQnotifies(connection)) != nullptr;) {
        const std::unique_ptr<PGnotify, decltype(&PQfreemem)> notification(raw, &PQfreemem);
        listeners_.tell({notification->relname, notification->extra});
      }
      pollfd waited[] = {{PQsocket(connection), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
      if (::poll(waited, 2, -1) < 0 && errno != EINTR) return;
      if (waited[1].revents != 0) {
        drain();
        if (!ending() && !subscribe(connection)) return;
      }
      if (waited[0].revents != 0 && PQconsumeInput(connection) == 0) return;
    }
  }

  void wait(milliseconds delay) {
    pollfd waited{wake_.get(), POLLIN, 0};
    if (::poll(&waited, 1, static_cast<int>(delay.count())) > 0) drain();
  }
  void drain() const {
    std::uint64_t count;
    (void)!::read(wake_.get(), &count, sizeof count);
  }

  const std::string conninfo_;
  const UniqueFd wake_;
  Listeners listeners_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t wanted_ = 0;  // calls of listen()
  std::uint64_t seen_ = 0;    // of them, those whose channel has been tried
  bool ending_ = false;
  std::thread thread_;
};

class PostgresqlDatabase final : public Database {
 public:
  PostgresqlDatabase(const std::string& conninfo, const DatabaseOptions& options)
      : options_(options),
        pool_(options.connections, options.wait, [this, conninfo] { return connect(conninfo); }),
        listening_(conninfo) {}

  Dialect dialect() const override { return Dialect::postgresql; }

  void listen(std::string channel, OnMessage on_message, std::function<void()> on_gap) override {
    listening_.listen(std::move(channel), std::move(on_message), std::move(on_gap));
  }

  Result<void> migrate(std::span<const Schema> schemas) override {
    return run_write([&](Transaction& transaction) -> Result<void> {
      soci::session& sql = transaction.sql();
      PGconn* const connection = postgresql_connection(sql);
      const auto run = [&](const std::string& statements) -> Result<void> {
        if (auto done = execute(connection, statements); !done) return std::unexpected(std::move(done.error().error));
        return {};
      };
      TRY(run(
          fmt::format("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = {}; SELECT pg_advisory_xact_lock({})",
                      kMigrationWait.count(), kMigrationLock)));
      return db::migrate({.dialect = Dialect::postgresql, .sql = sql, .execute = run}, schemas);
    });
  }

  Counts counts() const override { return counters_.with(pool_.counts()); }

 protected:
  Result<void> run_read(milliseconds statement, const std::function<void(soci::session&)>& work) override {
    ++counters_.reads;
    for (unsigned tries = 1;; ++tries) {
      auto lease = TRY(pool_.lease());
      auto done = read_once(*lease, statement, work);
      if (done) return {};
      if (done.error().lost) lease.lost();
      if (!done.error().lost || tries > 1) return failed(std::move(done.error()));
      ++counters_.retries;
    }
  }

  Result<void> run_write(const std::function<Result<void>(Transaction&)>& work) override {
    ++counters_.writes;
    for (unsigned tries = 1;; ++tries) {
      auto lease = TRY(pool_.lease());
      auto done = write_once(*lease, work);
      if (done) return {};
      const bool lost = done.error().lost;
      if (lost) lease.lost();
      if (!done.error().again || tries >= (lost ? 2 : kTries)) return failed(std::move(done.error()));
      ++counters_.retries;
      if (!lost) pause(tries);
    }
  }

 private:
  Result<std::unique_ptr<soci::session>> connect(const std::string& conninfo) const {
    try {
      auto session = open_postgresql_session(conninfo);
      silence(postgresql_connection(*session));
      const auto set = execute(postgresql_connection(*session),
                               fmt::format("SET statement_timeout = {}; SET lock_timeout = {}; "
                                           "SET idle_in_transaction_session_timeout = 60000; SET TimeZone = 'UTC'; "
                                           "SET client_min_messages = warning",
                                           options_.statement.count(), options_.wait.count()));
      if (!set) return std::unexpected(set.error().error);
      return session;
    } catch (const soci::soci_error& error) {
      return std::unexpected(Error{kUnavailable, "database", std::string(trim(error.get_error_message()))});
    }
  }

  Result<void> failed(Failure failure) {
    ++counters_.failures;
    return std::unexpected(std::move(failure.error));
  }

  std::expected<void, Failure> read_once(soci::session& sql, milliseconds statement,
                                         const std::function<void(soci::session&)>& work) const {
    PGconn* const connection = postgresql_connection(sql);
    // Set back in any case: work may throw.
    struct StatementTime {
      PGconn* connection;
      milliseconds usual;
      bool changed;
      ~StatementTime() {
        if (changed) (void)execute(connection, fmt::format("SET statement_timeout = {}", usual.count()));
      }
    } time{connection, options_.statement, statement.count() > 0};
    if (time.changed)
      if (auto set = execute(connection, fmt::format("SET statement_timeout = {}", statement.count())); !set)
        return std::unexpected(std::move(set.error()));
    try {
      work(sql);
      return {};
    } catch (const soci::soci_error& error) {
      return std::unexpected(failure_of(connection, error));
    }
  }

  // `again` is set where the transaction has certainly not been committed.
  std::expected<void, Failure> write_once(soci::session& sql,
                                          const std::function<Result<void>(Transaction&)>& work) const {
    PGconn* const connection = postgresql_connection(sql);
    struct Rollback {
      PGconn* connection;
      ~Rollback() {
        const PGTransactionStatusType status = PQtransactionStatus(connection);
        if (status == PQTRANS_INTRANS || status == PQTRANS_INERROR) (void)execute(connection, "ROLLBACK");
      }
    } rollback{connection};
    if (auto done = uncommitted(sql, connection, work); !done) return done;
    const auto committed = execute(connection, "COMMIT");
    if (!committed) return std::unexpected(committed.error());
    if (std::string_view(PQcmdStatus(committed->get())) != "COMMIT")
      return std::unexpected(Failure{Error{0, "database", "the transaction had failed before and was rolled back"}});
    return {};
  }

  std::expected<void, Failure> uncommitted(soci::session& sql, PGconn* connection,
                                           const std::function<Result<void>(Transaction&)>& work) const {
    const auto again = [](Failure failure) {
      failure.again = failure.again || failure.lost;
      return std::unexpected(std::move(failure));
    };
    if (auto begun = execute(connection, "BEGIN"); !begun) return again(std::move(begun.error()));
    NotingTransaction transaction(sql);
    try {
      if (auto done = work(transaction); !done) return std::unexpected(Failure{std::move(done.error())});
    } catch (const soci::soci_error& error) {
      return again(failure_of(connection, error));
    }
    for (const Notification& notification : transaction.notifications) {
      if (auto fits = check(notification); !fits) return std::unexpected(Failure{std::move(fits.error())});
      const char* values[] = {notification.channel.c_str(), notification.payload.c_str()};
      auto told = checked(
          connection, PQexecParams(connection, "SELECT pg_notify($1, $2)", 2, nullptr, values, nullptr, nullptr, 0));
      if (!told) return again(std::move(told.error()));
    }
    return {};
  }

  // So that two that have collided do not do so again.
  static void pause(unsigned tries) {
    thread_local std::minstd_rand random{std::random_device{}()};
    const unsigned most = 5U << tries;
    std::this_thread::sleep_for(milliseconds(std::uniform_int_distribution<unsigned>(1, most)(random)));
  }

  const DatabaseOptions options_;
  mutable Counters counters_;
  Pool pool_;
  ListeningConnection listening_;
};

}  // namespace

Result<std::unique_ptr<Database>> open_postgresql(const DatabaseOptions& options) {
  return std::make_unique<PostgresqlDatabase>(TRY(conninfo_of(options)), options);
}

}  // namespace osprey::server::db
