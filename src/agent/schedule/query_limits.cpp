#include "agent/schedule/query_limits.h"

#include <algorithm>
#include <string_view>

namespace osprey::agent {
namespace {

struct Bound {
  QueryFailure::Kind kind;
  std::string_view name;
  std::string_view unit;
  FlagName flag;
  std::optional<std::int64_t> (*limit)(const QueryBudget&);
  std::uint64_t (*used)(const QueryRun&);
};

template <class T>
std::optional<std::int64_t> whole(const std::optional<T>& value) {
  if (!value) return std::nullopt;
  if constexpr (std::integral<T>)
    return static_cast<std::int64_t>(*value);
  else
    return value->count();
}

constexpr auto kBounds = std::to_array<Bound>({
    {QueryFailure::Kind::wall, "query_time", "milliseconds", "schedule_query_seconds",
     [](const QueryBudget& budget) { return whole(budget.wall); },
     [](const QueryRun& run) { return run.cost.wall_us / 1000; }},
    {QueryFailure::Kind::cpu, "query_cpu", "milliseconds", "schedule_query_cpu_seconds",
     [](const QueryBudget& budget) { return whole(budget.cpu); },
     [](const QueryRun& run) { return (run.cost.user_us + run.cost.system_us) / 1000; }},
    {QueryFailure::Kind::memory, "query_memory", "bytes", "schedule_query_memory_mb",
     [](const QueryBudget& budget) { return whole(budget.memory); },
     [](const QueryRun& run) { return run.cost.memory; }},
    {QueryFailure::Kind::rows, "query_rows", "rows", "schedule_query_rows",
     [](const QueryBudget& budget) { return whole(budget.rows); }, [](const QueryRun& run) { return run.rows; }},
    {QueryFailure::Kind::result_bytes, "query_result", "bytes", "schedule_query_result_mb",
     [](const QueryBudget& budget) { return whole(budget.result_bytes); },
     [](const QueryRun& run) { return run.result_bytes; }},
});

}  // namespace

void QueryLimits::set(const Flags& flags) {
  const auto budget = budget_of(flags);
  std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < kBounds.size(); ++i) counts_[i].limit = kBounds[i].limit(budget);
}

void QueryLimits::count(const QueryRun& run, std::int64_t unix_time) {
  std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < kBounds.size(); ++i) {
    auto& count = counts_[i];
    count.most = std::max(count.most, static_cast<std::int64_t>(kBounds[i].used(run)));
    if (!run.failure || run.failure->kind != kBounds[i].kind) continue;
    ++count.struck;
    count.last_struck = unix_time;
  }
}

std::vector<Limit> QueryLimits::list() const {
  std::vector<Limit> limits;
  std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < kBounds.size(); ++i) {
    Limit limit;
    limit.name = kBounds[i].name;
    limit.scope = scope_;
    limit.kind = "hard";
    limit.enforced_by = "query";
    limit.limit_value = counts_[i].limit;
    limit.peak = counts_[i].most;
    limit.unit = kBounds[i].unit;
    limit.struck = counts_[i].struck;
    limit.last_struck = counts_[i].last_struck;
    limit.configured_by = kBounds[i].flag.declaration().name;
    limits.push_back(std::move(limit));
  }
  return limits;
}

}  // namespace osprey::agent
