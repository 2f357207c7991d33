#include "sql/connection.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "base/text.h"
#include "sql/authorizer.h"
#include "sql/carving.h"
#include "sql/virtual_table.h"

namespace osprey::sql {
namespace {

constexpr int kProgressSteps = 5000;  // of SQLite's machine between two looks at the interrupt

const Table* find_by_name(Connection& connection, std::string_view name) { return connection.registry().find(name); }
const Table* find_by_alias(Connection& connection, std::string_view name) {
  return connection.registry().find_alias(name);
}

// What follows `prefix` in an error message such as "no such table: usrs".
std::optional<std::string_view> after(std::string_view message, std::string_view prefix) {
  if (!message.starts_with(prefix)) return std::nullopt;
  return message.substr(prefix.size());
}

}  // namespace

std::string quoted_identifier(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + '"';
}

Connection::Connection(ConnectionOptions options) : options_(std::move(options)) {
  // One thread at a time uses a connection, so SQLite needs no mutex of its own.
  constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX;
  if (sqlite3_open_v2(":memory:", &database_, kFlags, nullptr) != SQLITE_OK) throw std::bad_alloc();
  sqlite3_db_config(database_, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
  sqlite3_db_config(database_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  // Sorting and materialising stay in memory: a query writes no file, not even a temporary one.
  sqlite3_exec(database_, "PRAGMA temp_store = MEMORY", nullptr, nullptr, nullptr);
  sqlite3_limit(database_, SQLITE_LIMIT_ATTACHED, 0);
  functions_.osquery_compatible = options_.osquery_compatible;
  functions_.interrupted = [this] { return interrupt_.requested(); };
  functions_.warn = [this](std::string text) { warnings_.add({}, Error{0, {}, std::move(text)}); };
  if (options_.services) functions_.carving = options_.services->find<Carving>();
  register_functions(database_, functions_);
  for (const auto name : options_.registry->names())
    if (!is_hidden(name)) attach(*this, name, find_by_name);
  for (const auto& table : options_.extra_tables)
    if (!is_hidden(table->name)) attach(*this, table->name, find_extra);
  install_authorizer(database_, asked_);
  sqlite3_progress_handler(
      database_, kProgressSteps,
      [](void* self) noexcept {
        auto& connection = *static_cast<Connection*>(self);
        if (connection.progress_) connection.progress_();
        return connection.interrupt_.requested() ? 1 : 0;
      },
      this);
}

Connection::~Connection() { sqlite3_close_v2(database_); }

bool Connection::is_hidden(std::string_view table) const {
  return std::ranges::find(options_.hidden_tables, table) != options_.hidden_tables.end();
}

void Connection::begin(const QueryLimits& limits) {
  limits_ = limits;
  std::optional<Interrupt::Clock::time_point> deadline;
  if (limits.time) deadline = Interrupt::Clock::now() + *limits.time;
  interrupt_.reset(deadline);
  warnings_.clear();
  asked_.tables.clear();
  rows_scanned_ = 0;
  rows_returned_ = 0;
  scanning_ = {};
}

bool Connection::reads_events() const {
  return std::ranges::any_of(asked_.tables, [&](const auto& name) {
    const Table* table = registry().find_built(name);
    return table && table->event_subscriber;
  });
}

bool Connection::reads_only_events() const {
  return reads_events() && std::ranges::all_of(asked_.tables, [&](const auto& name) {
           const Table* table = registry().find_built(name);
           return !table || table->event_subscriber;  // views are what they read
         });
}

bool Connection::attach_alias(std::string_view name) {
  const Table* table = registry().find_alias(name);
  if (!table || is_hidden(table->name)) return false;
  return attach(*this, name, find_by_alias) == SQLITE_OK;
}

const Table* Connection::find_extra(Connection& connection, std::string_view name) {
  const auto& tables = connection.options_.extra_tables;
  const auto found = std::ranges::find(tables, name, [](const auto& table) -> std::string_view { return table->name; });
  return found == tables.end() ? nullptr : found->get();
}

std::vector<std::string_view> Connection::table_names() const {
  auto names = registry().names();
  for (const auto& table : options_.extra_tables) names.push_back(table->name);
  return names;
}

std::optional<QueryError> Connection::run(std::string_view sql) {
  for (;;) {
    auto statement = prepare(sql);
    if (!statement) return statement.error();
    if (!*statement) return std::nullopt;
    for (;;) {
      const auto row = (*statement)->step();
      if (!row) return row.error();
      if (!*row) break;
    }
  }
}

QueryResult<std::optional<Statement>> Connection::prepare(std::string_view& sql) {
  for (;;) {
    sqlite3_stmt* statement = nullptr;
    const char* tail = nullptr;
    asked_.denied.reset();
    const int rc = sqlite3_prepare_v2(database_, sql.data(), static_cast<int>(sql.size()), &statement, &tail);
    if (rc == SQLITE_OK) {
      sql.remove_prefix(static_cast<std::size_t>(tail - sql.data()));
      if (statement) return Statement(*this, statement);
      if (sql.empty()) return std::nullopt;
      // SQLite reads no further than a NUL byte.
      if (sql.front() == '\0') return std::unexpected(QueryError{SQLITE_ERROR, "a NUL byte in the SQL text", {}});
      continue;  // a lone semicolon or comment
    }
    const std::string message = sqlite3_errmsg(database_);
    if (const auto name = after(message, "no such table: "); name && attach_alias(*name)) continue;
    return std::unexpected(explain(rc, message));
  }
}

QueryError Connection::error(int code) { return explain(code, sqlite3_errmsg(database_)); }

QueryError Connection::explain(int code, std::string message) {
  QueryError error{code, std::move(message), {}};
  if (code == SQLITE_INTERRUPT) {
    error.message = interrupt_.past_deadline() && !interrupt_.cancelled()
                        ? fmt::format("the query exceeded its time limit of {} ms", limits_.time->count())
                        : "interrupted";
    return error;
  }
  if (asked_.denied) {
    error.hint = asked_.denied->reason;
    // osquery's authorizer lets these functions be called, and SQLite itself refuses them then.
    if (options_.osquery_compatible && asked_.denied->action == SQLITE_FUNCTION) {
      error.message = "not authorized";
      asked_.denied.reset();
    }
    return error;
  }
  if (const auto name = after(error.message, "no such table: ")) {
    if (const auto similar = nearest(*name, table_names())) error.hint = fmt::format("did you mean {}?", *similar);
  } else if (const auto column = after(error.message, "no such column: ")) {
    // Which tables the query names is not told; the ones it has connected to are those that matter.
    auto bare = *column;
    if (const auto dot = bare.rfind('.'); dot != bare.npos) bare.remove_prefix(dot + 1);
    std::vector<std::string_view> names;
    for (const auto& table : registry().names()) {
      const auto* used = registry().find_built(table);
      if (!used) continue;
      for (const auto& one : used->columns) names.push_back(one.name);
    }
    for (const auto& table : options_.extra_tables)
      for (const auto& one : table->columns) names.push_back(one.name);
    if (const auto similar = nearest(bare, names)) error.hint = fmt::format("did you mean {}?", *similar);
  } else if (const auto function = after(error.message, "no such function: ")) {
    std::vector<std::string> found;
    sqlite3_stmt* list = nullptr;
    if (sqlite3_prepare_v2(database_, "SELECT DISTINCT name FROM pragma_function_list", -1, &list, nullptr) ==
        SQLITE_OK) {
      while (sqlite3_step(list) == SQLITE_ROW)
        found.emplace_back(reinterpret_cast<const char*>(sqlite3_column_text(list, 0)));
    }
    sqlite3_finalize(list);
    const std::vector<std::string_view> names(found.begin(), found.end());
    if (const auto similar = nearest(*function, names)) error.hint = fmt::format("did you mean {}()?", *similar);
  } else if (error.message == "no query solution") {
    error.hint = "a table here needs a constraint (see .schema for its required columns) that no join order can give";
  }
  return error;
}

namespace {
constinit std::atomic<std::uint64_t> last_statement{0};
}  // namespace

Statement::Statement(Connection& connection, sqlite3_stmt* statement)
    : connection_(&connection), statement_(statement), id_(++last_statement) {}

Statement::Statement(Statement&& other) noexcept
    : connection_(other.connection_), statement_(std::exchange(other.statement_, nullptr)), id_(other.id_) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(connection_, other.connection_);
  std::swap(statement_, other.statement_);
  std::swap(id_, other.id_);
  return *this;
}

Statement::~Statement() { sqlite3_finalize(statement_); }

std::string_view Statement::sql() const noexcept { return sqlite3_sql(statement_); }

std::size_t Statement::size() const noexcept { return static_cast<std::size_t>(sqlite3_column_count(statement_)); }

std::string_view Statement::column_name(std::size_t i) const noexcept {
  const char* name = sqlite3_column_name(statement_, static_cast<int>(i));
  return name ? name : "";
}

std::string_view Statement::declared_type(std::size_t i) const noexcept {
  const char* type = sqlite3_column_decltype(statement_, static_cast<int>(i));
  return type ? type : "";
}

QueryResult<bool> Statement::step() {
  Connection& connection = *connection_;
  if (connection.interrupt_.requested()) return std::unexpected(connection.explain(SQLITE_INTERRUPT, {}));
  const int rc = sqlite3_step(statement_);
  if (rc == SQLITE_DONE) return false;
  if (rc != SQLITE_ROW) return std::unexpected(connection.error(rc));
  if (connection.limits_.rows && ++connection.rows_returned_ > *connection.limits_.rows)
    return std::unexpected(QueryError{
        SQLITE_TOOBIG, fmt::format("the query exceeded its limit of {} rows", *connection.limits_.rows), {}});
  return true;
}

ValueType Statement::type(std::size_t i) const noexcept {
  switch (sqlite3_column_type(statement_, static_cast<int>(i))) {
    case SQLITE_INTEGER:
      return ValueType::integer;
    case SQLITE_FLOAT:
      return ValueType::real;
    case SQLITE_BLOB:
      return ValueType::blob;
    case SQLITE_NULL:
      return ValueType::null;
    default:
      return ValueType::text;
  }
}

std::int64_t Statement::integer(std::size_t i) const noexcept {
  return sqlite3_column_int64(statement_, static_cast<int>(i));
}

double Statement::real(std::size_t i) const noexcept { return sqlite3_column_double(statement_, static_cast<int>(i)); }

std::string_view Statement::text(std::size_t i) const noexcept {
  const auto* bytes = sqlite3_column_text(statement_, static_cast<int>(i));
  if (!bytes) return {};
  return {reinterpret_cast<const char*>(bytes),
          static_cast<std::size_t>(sqlite3_column_bytes(statement_, static_cast<int>(i)))};
}

}  // namespace osprey::sql
