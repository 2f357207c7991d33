#include "agent/limits/io_limits.h"

namespace osprey::agent {
namespace {

Limit row(std::string name, std::string unit, std::string flag, const linux::IoBudget::Usage& usage) {
  const auto number = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
  Limit limit{std::move(name), "agent", "hard", usage.rate > 0 ? "worker" : "none"};
  if (usage.rate > 0) limit.limit_value = number(usage.rate);
  limit.used = number(usage.used);
  limit.peak = number(usage.peak);
  limit.unit = std::move(unit);
  limit.struck = number(usage.waits);
  if (usage.waits > 0) limit.last_struck = usage.last_wait;
  limit.configured_by = std::move(flag);
  return limit;
}

}  // namespace

linux::IoBudget::Rates io_rates(const Flags& flags) {
  return {static_cast<std::uint64_t>(flags.number("io_budget_mb")) << 20,
          static_cast<std::uint64_t>(flags.number("io_budget_files"))};
}

std::vector<Limit> io_limits(const linux::IoBudget& budget) {
  return {row("io_budget_bytes", "bytes per second", "io_budget_mb", budget.bytes()),
          row("io_budget_files", "files per second", "io_budget_files", budget.opens())};
}

}  // namespace osprey::agent
