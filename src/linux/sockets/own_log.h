// OwnLog: the log socket that this program itself reads; a service of queries (sql/scan.h).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace osprey::linux {

struct OwnLog {
  struct Counts {
    std::string path;
    std::uint64_t received = 0;
    std::uint64_t dropped = 0;      // over the rate limit
    std::int64_t last_message = 0;  // Unix seconds; 0: none yet
  };
  // Empty: it reads none. Thread-safe.
  std::function<std::optional<Counts>()> counts;
};

}  // namespace osprey::linux
