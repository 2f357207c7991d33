// Connection: one SQLite database in memory with every table of a registry in it, and the queries run on it.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/interrupt.h"
#include "base/root.h"
#include "sql/authorizer.h"
#include "sql/functions/functions.h"
#include "sql/registry.h"

struct sqlite3_stmt;

namespace osprey::sql {

// A name as SQL has it: in quotes, those within doubled.
std::string quoted_identifier(std::string_view name);

// Why a query failed.
struct QueryError {
  int code = 1;         // SQLite's result code: 1 for a query that is wrong, 19 for a missing required column…
  std::string message;  // SQLite's words, or ours
  std::string hint;     // what to do about it, such as the nearest right name; may be empty
};
template <class T>
using QueryResult = std::expected<T, QueryError>;

struct QueryLimits {
  std::optional<std::chrono::milliseconds> time;
  std::optional<std::uint64_t> rows;
};

enum class ValueType { null, integer, real, text, blob };

// One of the ways in which SQLite weighed reading a table: in one of them it will be read. An OR makes one of each
// side.
struct PlannedRead {
  const Table& table;
  std::uint64_t columns = 0;  // in use (Table::in_use)
  // What text columns must equal, byte by byte, where the statement says it.
  std::vector<std::pair<std::string_view, std::string>> constants;

  bool uses(std::string_view column) const noexcept { return table.in_use(columns, column); }
};

class Connection;

// A prepared statement. Must not outlive its connection.
class Statement {
 public:
  Statement(Statement&&) noexcept;
  Statement& operator=(Statement&&) noexcept;
  ~Statement();

  std::string_view sql() const noexcept;  // its text
  // No other statement of the process has it, also none that stands at this one's address later.
  std::uint64_t id() const noexcept { return id_; }
  std::size_t size() const noexcept;  // columns
  std::string_view column_name(std::size_t i) const noexcept;
  // The declared type where the column comes from a table; empty for expressions.
  std::string_view declared_type(std::size_t i) const noexcept;

  // Goes to the next row: true on a row, false at the end.
  QueryResult<bool> step();

  // Of the current row, valid until the next step().
  ValueType type(std::size_t i) const noexcept;
  std::int64_t integer(std::size_t i) const noexcept;
  double real(std::size_t i) const noexcept;
  // Text as SQLite renders the value, empty for NULL. All bytes, NUL among them.
  std::string_view text(std::size_t i) const noexcept;

  sqlite3_stmt* handle() const noexcept { return statement_; }

 private:
  friend class Connection;
  Statement(Connection& connection, sqlite3_stmt* statement);
  Connection* connection_;
  sqlite3_stmt* statement_;
  std::uint64_t id_;
};

struct ConnectionOptions {
  const Registry* registry = nullptr;
  Root root = Root::host();
  const Services* services = nullptr;  // may be null
  // Behave as osquery does where we would rather not: the program runs under osquery's name.
  bool osquery_compatible = false;
  // Names that queries do not see.
  std::vector<std::string> hidden_tables;
  // Tables besides the registry's that this connection has, none of them of a name there; shared with whoever made
  // them. Who makes others opens another connection.
  std::vector<std::shared_ptr<const Table>> extra_tables;
};

// Belongs to one thread, but for interrupt().
class Connection {
 public:
  explicit Connection(ConnectionOptions options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Starts a query's budget: forgets earlier warnings, counts and interrupts. Several statements may share it.
  void begin(const QueryLimits& limits);
  // Prepares the first statement in `sql` and takes it off. An empty optional: only blanks and comments were left.
  QueryResult<std::optional<Statement>> prepare(std::string_view& sql);
  // Runs every statement for what it does; the first error.
  std::optional<QueryError> run(std::string_view sql);

  const Warnings& warnings() const noexcept { return warnings_; }
  // What the authorizer refused of the statement prepared last.
  const std::optional<Denial>& denial() const noexcept { return asked_.denied; }
  // Whether what was prepared since begin() reads the table, an event table, event tables and nothing else.
  bool reads(std::string_view table) const { return asked_.tables.contains(table); }
  bool reads_events() const;
  bool reads_only_events() const;
  // Rows that tables have yielded since begin(), and the table that did so last: for a progress line.
  std::uint64_t rows_scanned() const noexcept { return rows_scanned_; }
  std::string_view scanning() const noexcept { return scanning_; }
  // Called now and then while a query runs, on its thread.
  void on_progress(std::function<void()> callback) { progress_ = std::move(callback); }

  // Called while statements are prepared, for each way in which they may read a table: all that they could ask of it.
  void on_planned_read(std::function<void(const PlannedRead&)> callback) { planned_read_ = std::move(callback); }

  // Ends the running query soon. From any thread or a signal handler.
  void interrupt() noexcept { interrupt_.request(); }

  const Registry& registry() const noexcept { return *options_.registry; }
  bool is_hidden(std::string_view table) const;
  sqlite3* handle() const noexcept { return database_; }

 private:
  friend class Statement;
  friend class Cursor;
  friend struct VirtualTable;

  QueryError error(int code);
  QueryError explain(int code, std::string message);
  bool attach_alias(std::string_view name);
  std::vector<std::string_view> table_names() const;
  static const Table* find_extra(Connection& connection, std::string_view name);

  ConnectionOptions options_;
  sqlite3* database_ = nullptr;
  Interrupt interrupt_;
  QueryLimits limits_;
  Warnings warnings_;
  Services no_services_;
  std::uint64_t rows_scanned_ = 0;
  std::uint64_t rows_returned_ = 0;
  std::string_view scanning_;
  std::function<void()> progress_;
  std::function<void(const PlannedRead&)> planned_read_;
  Asked asked_;
  FunctionOptions functions_;
};

}  // namespace osprey::sql
