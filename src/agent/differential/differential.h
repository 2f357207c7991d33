// Differential: what changed between two runs of a query. The rules are osquery's (compat sections 4.1, 4.2); results
// may be far larger than memory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/logging/log_buffer.h"
#include "protocol/result_line.h"
#include "sql/connection.h"
#include "store/store.h"

namespace osprey::agent {

// What is to be made of a query's rows.
struct RunPlan {
  std::string name;
  std::string sql;
  std::uint64_t epoch = 0;
  bool snapshot = false;               // the whole result, no state
  bool removed = true;                 // false: removed rows are not logged
  bool events = false;                 // rows are always "added", no state (event tables)
  bool event_format = true;            // --logger_event_type
  bool snapshot_event_format = false;  // --logger_snapshot_event_type
  bool numerics = false;               // --logger_numerics
  bool decorations_top_level = false;
  std::string null_value;  // --nullvalue
  bool log = true;         // false (--disable_logging): state only
};

// What the lines say of host and moment.
struct RunContext {
  std::string host_identifier;
  protocol::Decorations decorations;
  // Unix seconds, asked once: when the rows are in or, where lines must be staged before that, when the first is.
  std::function<std::int64_t()> now;
};

struct RunOutcome {
  std::uint64_t rows = 0;  // of the result
  std::uint64_t added = 0;
  std::uint64_t removed = 0;
  std::uint64_t output_bytes = 0;  // of the result, as osquery_schedule counts it
  std::uint64_t counter = 0;
  enum class Kind : std::uint8_t { initial, new_epoch, changed, unchanged } kind = Kind::unchanged;
  bool sql_changed = false;  // against the run before
};

// One run: rows in, then finish() or nothing. A run that is dropped has changed nothing.
class ResultRun {
 public:
  virtual ~ResultRun() = default;
  // Takes the statement's current row. An error: the store has no room, or the state cannot be read.
  virtual Result<void> add(const sql::Statement& statement) = 0;
  // Commits state and lines together.
  virtual Result<RunOutcome> finish() = 0;
};

// Thread-safe; two runs of the same name must not overlap.
class Differential {
 public:
  virtual ~Differential() = default;
  virtual Result<std::unique_ptr<ResultRun>> begin(const RunPlan& plan, const RunContext& context) = 0;
  // Drops the state of a query. Names are as in RunPlan.
  virtual Result<void> forget(std::string_view name) = 0;
  // The names with state.
  virtual Result<std::vector<std::string>> names() const = 0;
};

std::unique_ptr<Differential> make_differential(store::Store& store, LogBuffer& buffer);

}  // namespace osprey::agent
