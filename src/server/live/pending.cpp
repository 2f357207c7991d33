#include "server/live/pending.h"

#include <algorithm>

namespace osprey::server::live {

void Pending::add(hosts::HostId host, const RunningPtr& query, Timestamp asked_at) {
  auto& part = shard(host);
  const std::scoped_lock lock(part.mutex);
  auto& entries = part.hosts[host];
  const auto known = std::ranges::find(entries, query->id, [](const Entry& entry) { return entry.query->id; });
  if (known == entries.end())
    entries.push_back({query, asked_at});
  else
    *known = {query, asked_at};
}

void Pending::remove(hosts::HostId host, std::int64_t query) {
  auto& part = shard(host);
  const std::scoped_lock lock(part.mutex);
  const auto found = part.hosts.find(host);
  if (found == part.hosts.end()) return;
  std::erase_if(found->second, [&](const Entry& entry) { return entry.query->id == query; });
  if (found->second.empty()) part.hosts.erase(found);
}

void Pending::sweep() {
  for (auto& part : shards_) {
    const std::scoped_lock lock(part.mutex);
    for (auto host = part.hosts.begin(); host != part.hosts.end();) {
      std::erase_if(host->second, [](const Entry& entry) { return entry.query->ended.load(); });
      host = host->second.empty() ? part.hosts.erase(host) : std::next(host);
    }
  }
}

bool Pending::due(const Entry& entry, Timestamp now) const {
  if (entry.query->ended || entry.query->expires_at <= now) return false;
  return entry.asked_at.ms == 0 || now.ms - entry.asked_at.ms >= overdue_ms_;
}

bool Pending::has(hosts::HostId host, Timestamp now) const {
  const auto& part = shard(host);
  const std::scoped_lock lock(part.mutex);
  const auto found = part.hosts.find(host);
  return found != part.hosts.end() &&
         std::ranges::any_of(found->second, [&](const Entry& entry) { return due(entry, now); });
}

std::vector<RunningPtr> Pending::take(hosts::HostId host, Timestamp now) {
  std::vector<RunningPtr> taken;
  auto& part = shard(host);
  const std::scoped_lock lock(part.mutex);
  const auto found = part.hosts.find(host);
  if (found == part.hosts.end()) return taken;
  for (auto& entry : found->second) {
    if (!due(entry, now)) continue;
    entry.asked_at = now;
    taken.push_back(entry.query);
  }
  return taken;
}

}  // namespace osprey::server::live
