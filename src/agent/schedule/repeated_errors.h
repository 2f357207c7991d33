// RepeatedErrors: what is wrong again and again is said once an hour.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "agent/schedule/clock.h"

namespace osprey::agent {

// Thread-safe. Remembers the errors of 4,096 subjects.
class RepeatedErrors {
 public:
  static constexpr Tick kPause = 3600;
  static constexpr std::size_t kCap = 4096;

  // What is to be said of `error` now: itself, with how often it came since it was said last; or nothing.
  std::optional<std::string> add(std::string_view subject, const std::string& error, Tick now);
  // All is well with it again.
  void clear(std::string_view subject);

 private:
  struct Last {
    std::string error;
    Tick said = 0;
    std::uint64_t since = 0;
  };
  std::mutex mutex_;
  std::map<std::string, Last, std::less<>> last_;
};

}  // namespace osprey::agent
