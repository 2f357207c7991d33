// Differential: what changed between two runs of a query. The rules are osquery's (compat sections 4.1, 4.2); results
// may be far larger than memory.
//
// Of the last result a small one is kept whole, of a large one the rows by their hashes (stored_state.h): a run holds
// 20 to 24 bytes for each row of the result before it and 16 for each new one, and a few megabytes besides. Rows that
// were removed are told in osquery's order, which is that of their values, as far as they fit a batch; those beyond
// follow in pieces, each in that order.
//
// Stored state that is damaged is dropped with a status line and the query begins anew: counter 0, all rows as added.
// That is the burst a new epoch brings, and told by its counter; going on from a state that may be wrong could tell
// changes that never were.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/logging/log_buffer.h"
#include "agent/logging/status_log.h"
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
  // Of runs that are snapshots or of events: adds what else is to be stored with the run, once, at its end. May be
  // empty.
  std::function<void(store::Batch&)> state;
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
  std::uint64_t output_bytes = 0;  // of the result: names and values, a number as eight
  std::uint64_t counter = 0;
  enum class Kind : std::uint8_t { initial, new_epoch, changed, unchanged } kind = Kind::unchanged;
  bool sql_changed = false;  // against the run before
};

// One run: rows in, then finish() or nothing. A run that is dropped or fails has changed nothing; no call follows one
// that failed.
class ResultRun {
 public:
  virtual ~ResultRun() = default;
  // Takes the statement's current row. An error: the store has no room (ENOSPC in its code), or the state cannot be
  // read.
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

// Where large begins. Tests lower it.
struct DifferentialOptions {
  std::size_t small_bytes = 256 << 10;     // encoded rows: up to here a result is one value of the store
  std::size_t batch_bytes = 4 << 20;       // rows and lines that are held before they are staged
  std::size_t record_bytes = kRecordText;  // of lines
  std::size_t part_rows = 256;             // of the index: the least that is written where a row has changed
};

// All must outlive it.
std::unique_ptr<Differential> make_differential(store::Store& store, LogBuffer& buffer, StatusLog& status,
                                                const DifferentialOptions& options = {});

}  // namespace osprey::agent
