// StatusLog: what the agent says about itself. Lines go to standard error at once and, once there is one, into the log
// buffer for the sinks, so that none is lost when the process dies.
#pragma once

#include <fmt/format.h>

#include <deque>
#include <functional>
#include <mutex>
#include <source_location>
#include <string>
#include <string_view>

#include "agent/flags/flags.h"
#include "protocol/status_line.h"

namespace osprey::agent {

// Thread-safe.
class StatusLog {
 public:
  using Severity = protocol::Severity;

  struct Levels {
    std::int64_t stderr_least = 0;  // severities from this on; beyond fatal none
    std::int64_t sinks_least = 0;
    bool to_stderr = true;
    bool verbose = false;  // debug() is heard too, as INFO
  };
  void set_levels(const Levels& levels);

  // The place of a message is its caller's.
  struct Place {
    Place(std::string_view message, std::source_location where = std::source_location::current())
        : text(message), location(where) {}
    Place(const std::string& message, std::source_location where = std::source_location::current())
        : text(message), location(where) {}
    Place(const char* message, std::source_location where = std::source_location::current())
        : text(message), location(where) {}
    std::string_view text;
    std::source_location location;
  };
  void info(Place place) { add(Severity::info, place); }
  void warning(Place place) { add(Severity::warning, place); }
  void error(Place place) { add(Severity::error, place); }
  // What is of use only to who looks for a fault: heard with --verbose.
  void debug(Place place);

  // From now on lines go to `receiver` too; those told before are handed over first (the oldest 1,024 of them). Called
  // on the thread that logs; what the receiver itself logs meanwhile goes to standard error only. Null: no more.
  using Receiver = std::function<void(const protocol::StatusLine&)>;
  void set_receiver(const Receiver& receiver);

 private:
  void add(Severity severity, const Place& place);

  std::mutex mutex_;
  Levels levels_;
  Receiver receiver_;
  std::deque<protocol::StatusLine> before_;
};

// --logger_min_stderr, --logger_min_status, --logger_stderr and --verbose.
StatusLog::Levels levels_of(const Flags& flags);

}  // namespace osprey::agent
