// Query health: which of a host's scheduled queries do not run, or cost too much, as its osquery_schedule tells. (What
// fails with an error is not told there but in the host's status lines.)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/hosts/facts.h"

namespace osprey::server::hosts {

// Averages over all runs since the agent began to count.
struct HealthRule {
  std::int64_t expensive_ms = 10'000;                // wall or processor time of a run
  std::int64_t expensive_bytes = 100 * 1024 * 1024;  // memory of a run
  std::int64_t overdue_runs = 2;                     // intervals without a run, and a quarter of an hour
};

struct QueryTrouble {
  std::string name;
  bool denylisted = false;
  bool overdue = false;
  bool expensive = false;
  std::int64_t every_seconds = 0;
  std::int64_t runs = 0;
  std::int64_t run_at = 0;   // last; Unix seconds by the host's clock; 0: never
  std::int64_t wall_ms = 0;  // a run, on average
  std::int64_t cpu_ms = 0;   // likewise
  std::int64_t memory = 0;   // likewise, bytes
};

// Of the rows of the detail query "osquery_schedule", those in trouble.
std::vector<QueryTrouble> troubles_in(const std::vector<Row>& schedule, const HealthRule& rule = {});

}  // namespace osprey::server::hosts
