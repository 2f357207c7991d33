// LogBuffer: the bounded queue, in the store, between what makes lines and the sinks that take them away (contract 5 of
// the design: a line leaves the host at least once, in order, or is counted).
//
// Records are numbered as they are committed. Every sink has its own cursor, kept in the store; a record is erased when
// all have passed it. What does not fit under the cap pushes out the oldest, which is counted for each sink that had
// not taken it. Whole lines are pushed out: a sink that stands inside one goes on with the next line's first record.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/limits/losses.h"
#include "agent/logging/status_log.h"
#include "store/store.h"

namespace osprey::agent {

enum class LineKind : std::uint8_t { result, snapshot, status };

// Lines of one kind and query, each with its line end; or a part of one line that is too long to be held whole.
struct LineRecord {
  LineKind kind = LineKind::result;
  std::string query;        // empty for status lines
  std::string text;         // of status: encoded StatusLines, one (protocol/status_line.h)
  std::uint32_t lines = 0;  // line ends in `text`; 1 for a status
  bool continues = false;   // the first line began in the record before
  bool goes_on = false;     // the last line ends in the record after
};
// How much text is worth a record: enough to be cheap, little enough to be held.
inline constexpr std::size_t kRecordText = 64 << 10;

// Lines of a run that is too large for one batch: they are in the store, but nobody's to take before they are
// committed.
class StagedLines {
 public:
  virtual ~StagedLines() = default;
  // Removed rows' lines stand before added ones', whatever the order they are staged in.
  // A line may go on from one into the other; then its first record is staged before all others.
  enum class Part : std::uint8_t { first, second };
  virtual Result<void> add(Part part, LineRecord record) = 0;
};

struct LogBufferOptions {
  std::uint64_t cap_bytes = 0;  // of records as stored (compressed); 0: none
  std::uint64_t cap_lines = 0;  // --buffered_log_max; 0: none
};

// Where a sink stands: everything before it has been taken. Records are numbered without gaps, those of staged runs
// too.
struct LogPosition {
  std::uint64_t sequence = 0;
  auto operator<=>(const LogPosition&) const = default;
};

struct LogDelivery {
  LogPosition next;  // where the sink stands once it has taken this
  LineRecord record;
};

struct LogBacklog {
  std::uint64_t records = 0;
  std::uint64_t lines = 0;
  std::uint64_t bytes = 0;  // as stored
  std::int64_t oldest = 0;  // Unix seconds of the oldest record, 0 if there is none
  std::uint64_t shed_lines = 0;
};

// Thread-safe. A commit is one write of the store; commits take effect in the order of their numbers.
class LogBuffer {
 public:
  virtual ~LogBuffer() = default;

  // Sinks that are to receive lines. A new one starts at what is committed next; the cursor and backlog of one that is
  // no longer named are dropped.
  virtual Result<void> set_sinks(const std::vector<std::string>& names) = 0;
  virtual void set_options(const LogBufferOptions& options) = 0;

  // Writes `state` and makes `records` part of the queue, in one batch of the store. Without sinks only the state is
  // written. Where there is no room, first the oldest records are shed and then the commit is tried again; an error
  // means that nothing of it took effect.
  virtual Result<void> commit(store::Batch state, std::vector<LineRecord> records) = 0;
  // For runs too large for one batch: stage, then commit. A stage that is dropped leaves nothing behind.
  virtual std::unique_ptr<StagedLines> stage() = 0;
  virtual Result<void> commit(store::Batch state, std::unique_ptr<StagedLines> staged) = 0;

  // What the sink has not acknowledged, in order: as many records as fit `most_bytes`, but one at least. Waits until
  // there is something, `timeout` has passed or stop() was called; then it may be empty.
  virtual Result<std::vector<LogDelivery>> take(const std::string& sink, std::size_t most_bytes,
                                                std::chrono::milliseconds timeout) = 0;
  // The sink has taken everything before `position` for good. `mark` is what it wants to be told after a restart.
  virtual Result<void> acknowledge(const std::string& sink, LogPosition position, const std::string& mark = {}) = 0;
  virtual std::string mark(const std::string& sink) const = 0;
  virtual LogBacklog backlog(const std::string& sink) const = 0;
  // Ends all waiting.
  virtual void stop() = 0;
};

// What an earlier process staged and never committed is removed.
Result<std::unique_ptr<LogBuffer>> open_log_buffer(store::Store& store, Losses& losses, StatusLog& status,
                                                   const LogBufferOptions& options);

// From now on status lines are queued for the sinks; one that cannot be is told on standard error only. Both must
// outlive what logs; StatusLog::set_receiver(nullptr) ends it.
void queue_status_lines(StatusLog& status, LogBuffer& buffer);

}  // namespace osprey::agent
