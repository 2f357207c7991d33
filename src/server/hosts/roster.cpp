#include "server/hosts/roster.h"

#include <algorithm>

namespace osprey::server::hosts {
namespace {

Signs read(const std::array<std::atomic<std::int64_t>, kSigns>& signs) {
  Signs read{};
  for (std::size_t i = 0; i < kSigns; ++i) read[i] = signs[i].load(std::memory_order_relaxed);
  return read;
}

}  // namespace

Timestamp last_of(const Signs& signs) noexcept { return {*std::ranges::max_element(signs)}; }

HostPtr Roster::find(HostId host) const {
  const auto& at = shard(host);
  const std::shared_lock lock(at.mutex);
  const auto found = at.entries.find(host);
  return found == at.entries.end() ? nullptr : found->second->host;
}

std::vector<HostPtr> Roster::all() const {
  std::vector<HostPtr> hosts;
  hosts.reserve(size());
  visit([&](const HostPtr& host, const Signs&) { hosts.push_back(host); });
  return hosts;
}

std::size_t Roster::size() const {
  std::size_t size = 0;
  for (const auto& each : shards_) {
    const std::shared_lock lock(each.mutex);
    size += each.entries.size();
  }
  return size;
}

Signs Roster::signs(HostId host) const {
  const auto& at = shard(host);
  const std::shared_lock lock(at.mutex);
  const auto found = at.entries.find(host);
  return found == at.entries.end() ? Signs{} : read(found->second->signs);
}

void Roster::visit(const std::function<void(const HostPtr&, const Signs&)>& visit) const {
  for (const auto& each : shards_) {
    const std::shared_lock lock(each.mutex);
    for (const auto& [id, entry] : each.entries) visit(entry->host, read(entry->signs));
  }
}

bool Roster::put(HostPtr host, const Signs& signs) {
  auto& at = shard(host->id);
  const std::unique_lock lock(at.mutex);
  auto& entry = at.entries[host->id];
  if (entry) {
    if (*entry->host == *host) return false;
  } else {
    entry = std::make_unique<Entry>();
    for (std::size_t i = 0; i < kSigns; ++i) entry->signs[i].store(signs[i], std::memory_order_relaxed);
  }
  entry->host = std::move(host);
  return true;
}

bool Roster::erase(HostId host) {
  auto& at = shard(host);
  const std::unique_lock lock(at.mutex);
  return at.entries.erase(host) > 0;
}

void Roster::seen(HostId host, Sign sign, std::string_view address, Timestamp now) noexcept {
  auto& at = shard(host);
  bool moved = false;
  {
    const std::shared_lock lock(at.mutex);
    const auto found = at.entries.find(host);
    if (found == at.entries.end()) return;
    auto& entry = *found->second;
    const auto index = static_cast<std::size_t>(sign);
    entry.signs[index].store(now.ms, std::memory_order_relaxed);
    mark(at, entry, host, static_cast<std::uint8_t>(1U << index));
    const auto& known = entry.address.empty() ? entry.host->address : entry.address;
    moved = !address.empty() && address != known;
  }
  if (moved) note_address(at, host, address);
}

void Roster::note_address(Shard& shard, HostId host, std::string_view address) {
  const std::unique_lock lock(shard.mutex);
  const auto found = shard.entries.find(host);
  if (found == shard.entries.end()) return;
  found->second->address = address;
  mark(shard, *found->second, host, kAddress);
}

void Roster::given(HostId host, std::string_view etag) noexcept {
  auto& at = shard(host);
  const auto hash = std::hash<std::string_view>()(etag);
  {
    const std::shared_lock lock(at.mutex);
    const auto found = at.entries.find(host);
    if (found == at.entries.end() || found->second->given_hash.exchange(hash, std::memory_order_relaxed) == hash)
      return;
  }
  const std::unique_lock lock(at.mutex);
  const auto found = at.entries.find(host);
  if (found == at.entries.end()) return;
  found->second->configuration = etag;
  mark(at, *found->second, host, kConfiguration);
}

std::string Roster::configuration(HostId host) const {
  const auto& at = shard(host);
  const std::shared_lock lock(at.mutex);
  const auto found = at.entries.find(host);
  return found == at.entries.end() ? "" : found->second->configuration;
}

void Roster::mark(Shard& shard, Entry& entry, HostId host, std::uint8_t bits) {
  if (entry.fresh.fetch_or(bits, std::memory_order_acq_rel) != 0) return;
  const std::lock_guard lock(shard.fresh_mutex);
  shard.fresh.push_back(host);
}

std::vector<SeenChange> Roster::take_seen() {
  std::vector<SeenChange> changes;
  for (auto& each : shards_) {
    std::vector<HostId> fresh;
    {
      const std::lock_guard lock(each.fresh_mutex);
      fresh.swap(each.fresh);
    }
    if (fresh.empty()) continue;
    const std::unique_lock lock(each.mutex);
    for (const auto host : fresh) {
      const auto found = each.entries.find(host);
      if (found == each.entries.end()) continue;
      auto& entry = *found->second;
      const auto bits = entry.fresh.exchange(0, std::memory_order_acq_rel);
      if (bits == 0) continue;
      SeenChange change{.host = host};
      for (std::size_t i = 0; i < kSigns; ++i)
        if (bits & 1U << i) change.signs[i] = entry.signs[i].load(std::memory_order_relaxed);
      if (bits & kAddress) change.address = std::exchange(entry.address, {});
      if (change.address == entry.host->address) change.address.clear();
      if (bits & kConfiguration) change.configuration = std::exchange(entry.configuration, {});
      changes.push_back(std::move(change));
    }
  }
  std::ranges::sort(changes, {}, &SeenChange::host);
  return changes;
}

void Roster::put_back(const std::vector<SeenChange>& changes) {
  for (const auto& change : changes) {
    auto& at = shard(change.host);
    const std::unique_lock lock(at.mutex);
    const auto found = at.entries.find(change.host);
    if (found == at.entries.end()) continue;
    auto& entry = *found->second;
    std::uint8_t bits = 0;
    for (std::size_t i = 0; i < kSigns; ++i)
      if (change.signs[i] != 0) bits |= static_cast<std::uint8_t>(1U << i);
    if (!change.address.empty()) {
      if (entry.address.empty()) entry.address = change.address;
      bits |= kAddress;
    }
    if (!change.configuration.empty()) {
      if (entry.configuration.empty()) entry.configuration = change.configuration;
      bits |= kConfiguration;
    }
    mark(at, entry, change.host, bits);
  }
}

void Roster::merge(HostId host, Sign sign, Timestamp at) noexcept {
  auto& in = shard(host);
  const std::shared_lock lock(in.mutex);
  const auto found = in.entries.find(host);
  if (found == in.entries.end()) return;
  auto& mine = found->second->signs[static_cast<std::size_t>(sign)];
  auto known = mine.load(std::memory_order_relaxed);
  while (known < at.ms) {
    if (!mine.compare_exchange_weak(known, at.ms, std::memory_order_relaxed)) continue;
    if (sign == Sign::config) found->second->given_hash.store(0, std::memory_order_relaxed);
    return;
  }
}

}  // namespace osprey::server::hosts
