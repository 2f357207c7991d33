#include "events/tables/table.h"

#include <fmt/format.h>
#include <sys/sysmacros.h>

#include <cstring>

#include "base/json.h"
#include "sql/functions/network.h"

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

std::string stream_text(const ProcessEvent& event, std::size_t descriptor) {
  if (descriptor >= event.streams.size()) return {};
  const auto& stream = event.streams[descriptor];
  return stream.peer.empty() ? std::string(stream.kind) : fmt::format("{} {}", stream.kind, stream.peer);
}

std::string community_id_of(const SocketEvent& event) {
  const auto local = sql::IpAddress::parse(event.local_address);
  const auto remote = sql::IpAddress::parse(event.remote_address);
  if (!local || !remote || !event.local_port || !event.remote_port || event.protocol <= 0) return {};
  return sql::community_id({.source = *local,
                            .destination = *remote,
                            .source_port = *event.local_port,
                            .destination_port = *event.remote_port,
                            .protocol = static_cast<std::uint8_t>(event.protocol)},
                           0)
      .value_or("");
}

std::string key_text(const ProcessKey& process) {
  return process.start == 0 ? std::string() : fmt::format("{}-{}", process.pid, process.start);
}

std::string outcome_text(std::int64_t result) {
  if (result >= 0) return "success";
  const char* const name = ::strerrorname_np(static_cast<int>(-result));
  return name ? name : std::to_string(result);
}

}  // namespace osprey::events::tables
