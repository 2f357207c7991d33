// Limits: every limit that holds, its use now and how often it struck (osprey_limits). Whoever enforces one reports it.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace osprey::agent {

struct Limit {
  std::string name;                         // "cgroup_memory", "disk", "buffered_lines"…
  std::string scope;                        // "agent", "query", "sink:kafka_producer"…
  std::string kind;                         // "hard", "soft"
  std::string enforced_by;                  // "cgroup v2", "cgroup v1", "watcher", "store", "query"…
  std::optional<std::int64_t> limit_value;  // absent: none
  std::optional<std::int64_t> used;
  std::optional<std::int64_t> peak;
  std::string unit;  // "bytes", "percent of a core", "processes", "lines", "bytes per second"
  std::int64_t struck = 0;
  std::optional<std::int64_t> last_struck;  // Unix seconds
  std::string configured_by;                // the flag
};

// Thread-safe.
class Limits {
 public:
  using Report = std::function<std::vector<Limit>()>;
  // `report` is asked on the thread of whoever lists, until the program ends.
  void add(Report report);
  std::vector<Limit> list() const;

 private:
  mutable std::mutex mutex_;
  std::vector<Report> reports_;
};

}  // namespace osprey::agent
