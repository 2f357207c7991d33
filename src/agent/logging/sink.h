// Sink: where lines go. One file a sink in agent/logging/sinks/; each runs on a thread of its own (sink_runner.h) over
// its own cursor of the log buffer, so that a slow or dead one holds up none of the others.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "agent/config/configuration.h"
#include "agent/limits/losses.h"
#include "agent/logging/log_buffer.h"
#include "agent/logging/status_log.h"
#include "agent/program.h"
#include "agent/remote/remote.h"
#include "base/interrupt.h"

namespace osprey::agent {

// Belongs to its runner's thread.
class Sink {
 public:
  virtual ~Sink() = default;

  virtual bool wants_status() const { return true; }
  // Takes records in order. Returns how many, from the first on, it has for good (what was only buffered or not yet
  // confirmed does not count); those after are offered again. An error: none further were taken, and why; the runner
  // tries again after a growing delay. Ends within a second after `stop` is requested.
  struct Taken {
    std::size_t records = 0;
    std::optional<Error> error;
  };
  virtual Taken deliver(std::span<const LogDelivery> records, const Interrupt& stop) = 0;
  // What the sink must know again after the agent's death about what it has taken: kept in the store in one batch with
  // its cursor. Asked after every deliver(); handed to resume() once, before the first one.
  virtual std::string mark() const { return {}; }
  virtual void resume(std::string_view mark) { (void)mark; }
  // No delivery is made before, but for the last ones when the agent stops: lines gather until then, or the sink's own
  // delay after a failure has passed. Asked after every deliver().
  virtual Interrupt::Clock::time_point due() const { return {}; }
  // How much text a delivery has at most, unless it is one record. Who needs lines whole says so much that its longest
  // line fits: records of a line that does not end within a delivery it begins are to be dropped, and counted.
  virtual std::size_t most_bytes() const { return 256 << 10; }
  // The configuration has changed. deliver() is called only after a call that has succeeded, the last one.
  virtual Result<void> configure(const Configuration& configuration) = 0;
  // Where lines go, for osprey_sinks, without secrets. Asked after configure().
  virtual std::string target() const = 0;
};

// What a sink is made with; all outlive it.
struct SinkParts {
  const Program& program;
  StatusLog& status;
  Losses& losses;
  // The host's identifier as it is now (--host_identifier).
  std::function<std::string()> host_identifier;
  // What decorators said last; may be empty.
  std::function<protocol::Decorations()> decorations = {};
  Remote* remote = nullptr;  // the fleet's server; null where there is none
};

// The sink called `name` in --logger_plugin; an error with the nearest right name for any other.
Result<std::unique_ptr<Sink>> make_sink(std::string_view name, const SinkParts& parts);
// The names there are: what osquery_registry lists as loggers.
std::span<const std::string_view> sink_names();

}  // namespace osprey::agent
