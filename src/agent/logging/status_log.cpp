#include "agent/logging/status_log.h"

#include <unistd.h>

#include "agent/log.h"

namespace osprey::agent {
namespace {

constexpr std::size_t kMostBefore = 1024;  // lines kept until there is a receiver

// The receiver is at work on this thread: what is logged meanwhile must not come back to it.
thread_local bool receiving = false;

bool at_least(protocol::Severity severity, std::int64_t least) { return static_cast<std::int64_t>(severity) >= least; }

void write_to_stderr(std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written <= 0) return;  // nobody is left to tell
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

void StatusLog::set_levels(const Levels& levels) {
  std::lock_guard lock(mutex_);
  levels_ = levels;
}

void StatusLog::debug(Place place) {
  {
    std::lock_guard lock(mutex_);
    if (!levels_.verbose) return;
  }
  add(Severity::info, place);
}

void StatusLog::set_receiver(const Receiver& receiver) {
  std::deque<protocol::StatusLine> before;
  {
    std::lock_guard lock(mutex_);
    receiver_ = receiver;
    if (receiver) before.swap(before_);
  }
  receiving = true;
  for (const auto& line : before) receiver(line);
  receiving = false;
}

void StatusLog::add(Severity severity, const Place& place) {
  const auto line = status_line(severity, place.text, place.location);
  Receiver receiver;
  bool to_stderr = false;
  {
    std::lock_guard lock(mutex_);
    to_stderr = levels_.to_stderr && at_least(severity, levels_.stderr_least);
    if (at_least(severity, levels_.sinks_least) && !receiving) {
      receiver = receiver_;
      if (!receiver) {
        if (before_.size() == kMostBefore) before_.pop_front();
        before_.push_back(line);
      }
    }
  }
  if (to_stderr) write_to_stderr(protocol::glog_line(line));
  if (!receiver) return;
  receiving = true;
  receiver(line);
  receiving = false;
}

StatusLog::Levels levels_of(const Flags& flags) {
  return {.stderr_least = flags.number("logger_min_stderr"),
          .sinks_least = flags.number("logger_min_status"),
          .to_stderr = flags.boolean("logger_stderr"),
          .verbose = flags.boolean("verbose")};
}

}  // namespace osprey::agent
