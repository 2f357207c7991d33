// A quiet line on a terminal that says how far a slow query has come.
#pragma once

#include <chrono>

#include "sql/connection.h"

namespace osprey::agent::shell {

class Progress {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr auto kSilence = std::chrono::seconds(1);        // before the first line
  static constexpr auto kPeriod = std::chrono::milliseconds(200);  // between two

  // Writes to `fd`, a terminal.
  Progress(const sql::Connection& connection, int fd) : connection_(connection), fd_(fd) {}

  // Has Ctrl-C take the line off standard error before it ends the process as ever.
  static void erase_on_interrupt();

  // A query starts, or is over.
  void start();
  void stop() { erase(); }
  // Called now and then while it runs.
  void tick();
  // Takes the line off the screen, if it is there.
  void erase();

 private:
  const sql::Connection& connection_;
  int fd_;
  Clock::time_point started_;
  Clock::time_point next_;
  bool shown_ = false;
};

}  // namespace osprey::agent::shell
