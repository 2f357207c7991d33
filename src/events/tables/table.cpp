#include "events/tables/table.h"

#include <fmt/format.h>
#include <sys/sysmacros.h>

#include <cstring>

#include "base/json.h"

namespace osprey::events::tables {

std::string json_of(const std::vector<std::int64_t>& pids) { return fmt::format("[{}]", fmt::join(pids, ",")); }

std::string json_of(const std::vector<std::string_view>& texts) {
  std::string json = "[";
  for (const auto text : texts) {
    if (json.size() > 1) json += ',';
    append_json_string(json, text);
  }
  return json += ']';
}

std::string joined(const std::vector<std::string_view>& texts) { return fmt::format("{}", fmt::join(texts, " ")); }

std::string device_text(std::uint64_t device) { return fmt::format("{}:{}", major(device), minor(device)); }

std::string key_text(const ProcessKey& process) {
  return process.start == 0 ? std::string() : fmt::format("{}-{}", process.pid, process.start);
}

std::string outcome_text(std::int64_t result) {
  if (result >= 0) return "success";
  const char* const name = ::strerrorname_np(static_cast<int>(-result));
  return name ? name : std::to_string(result);
}

}  // namespace osprey::events::tables
