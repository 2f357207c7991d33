// QueryLimits: what bounds each query of a kind, and how often that struck, for osprey_limits.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/flags/flags.h"
#include "agent/limits/limits.h"
#include "agent/schedule/query_runner.h"

namespace osprey::agent {

// Thread-safe.
class QueryLimits {
 public:
  // `scope` as osprey_limits has it.
  explicit QueryLimits(std::string scope) : scope_(std::move(scope)) {}
  // The limits are those of these flags from now on.
  void set(const Flags& flags);
  void count(const QueryRun& run, std::int64_t unix_time);
  std::vector<Limit> list() const;

 private:
  struct Count {
    std::optional<std::int64_t> limit;
    std::int64_t most = 0;  // that a query has used
    std::int64_t struck = 0;
    std::optional<std::int64_t> last_struck;
  };
  const std::string scope_;
  mutable std::mutex mutex_;
  std::array<Count, 5> counts_;
};

}  // namespace osprey::agent
