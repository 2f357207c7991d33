#include "agent/schedule/query_statistics.h"

#include <fmt/format.h>

#include "base/text.h"

namespace osprey::agent {

void QueryStatistics::add(const QueryCost& cost, std::uint64_t output_bytes, std::int64_t unix_time) {
  total.wall_us += cost.wall_us;
  total.user_us += cost.user_us;
  total.system_us += cost.system_us;
  // The sum may pass no bound: the mean moves by its share.
  const auto mean = static_cast<double>(total.memory);
  total.memory = static_cast<std::uint64_t>(mean + (static_cast<double>(cost.memory) - mean) /
                                                       static_cast<double>(executions + 1));
  ++executions;
  output_size += output_bytes;
  last = cost;
  last_executed = unix_time;
}

std::string encode(const QueryStatistics& statistics, std::string_view sql) {
  const auto& [executions, last_executed, output_size, total, last] = statistics;
  return fmt::format("{} {} {} {} {} {} {} {} {} {} {}\n{}", executions, last_executed, output_size, total.wall_us,
                     total.user_us, total.system_us, total.memory, last.wall_us, last.user_us, last.system_us,
                     last.memory, sql);
}

QueryStatistics decode_statistics(std::string_view bytes, std::string_view sql) {
  auto numbers = take_until(bytes, '\n');
  if (bytes != sql) return {};
  const auto next = [&] { return parse<std::uint64_t>(take_field(numbers)).value_or(0); };
  QueryStatistics statistics;
  statistics.executions = next();
  statistics.last_executed = static_cast<std::int64_t>(next());
  statistics.output_size = next();
  for (auto* cost : {&statistics.total, &statistics.last}) {
    cost->wall_us = next();
    cost->user_us = next();
    cost->system_us = next();
    cost->memory = next();
  }
  return statistics;
}

bool other_sql(std::string_view bytes, std::string_view sql) {
  take_until(bytes, '\n');
  return bytes != sql;
}

}  // namespace osprey::agent
