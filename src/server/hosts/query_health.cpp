#include "server/hosts/query_health.h"

#include <algorithm>

#include "base/text.h"

namespace osprey::server::hosts {
namespace {

constexpr std::int64_t kMostNumber = std::int64_t{1} << 52;  // sums and products below stay in range

std::int64_t number(const Row& row, const std::string& column) {
  const auto found = row.find(column);
  if (found == row.end()) return 0;
  return std::clamp<std::int64_t>(parse<std::int64_t>(found->second).value_or(0), 0, kMostNumber);
}

QueryTrouble trouble_of(const Row& row, const HealthRule& rule) {
  QueryTrouble trouble;
  if (const auto name = row.find("name"); name != row.end()) trouble.name = name->second.substr(0, kMostFact);
  trouble.denylisted = number(row, "denylisted") != 0;
  trouble.every_seconds = number(row, "interval");
  trouble.runs = number(row, "executions");
  trouble.run_at = number(row, "last_executed");
  const auto runs = std::max<std::int64_t>(trouble.runs, 1);
  trouble.wall_ms = std::min(number(row, "wall_time"), kMostNumber / 1000) * 1000 / runs;
  trouble.cpu_ms = (number(row, "user_time") + number(row, "system_time")) / runs;
  trouble.memory = number(row, "average_memory");

  const auto now = number(row, "now");
  const auto since = std::max(trouble.run_at, number(row, "start_time"));
  constexpr std::int64_t kSlack = 900;
  const auto patience = std::min(trouble.every_seconds, kMostNumber / 100) * rule.overdue_runs + kSlack;
  trouble.overdue = !trouble.denylisted && trouble.every_seconds > 0 && now - since > patience;
  trouble.expensive = trouble.wall_ms >= rule.expensive_ms || trouble.cpu_ms >= rule.expensive_ms ||
                      trouble.memory >= rule.expensive_bytes;
  return trouble;
}

}  // namespace

std::vector<QueryTrouble> troubles_in(const std::vector<Row>& schedule, const HealthRule& rule) {
  std::vector<QueryTrouble> troubles;
  for (const auto& row : schedule) {
    auto trouble = trouble_of(row, rule);
    if (trouble.denylisted || trouble.overdue || trouble.expensive) troubles.push_back(std::move(trouble));
  }
  // A host's own rows may say a name twice; the database takes each once.
  std::ranges::sort(troubles, {}, &QueryTrouble::name);
  const auto twice = std::ranges::unique(troubles, {}, &QueryTrouble::name);
  troubles.erase(twice.begin(), twice.end());
  return troubles;
}

}  // namespace osprey::server::hosts
