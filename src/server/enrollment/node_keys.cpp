#include "server/enrollment/node_keys.h"

#include <fmt/format.h>

#include <atomic>
#include <bit>

#include "base/hex.h"
#include "base/text.h"
#include "server/secret.h"

namespace osprey::server::enrollment {
namespace {

std::optional<Digest> digest_from_hex(std::string_view text) {
  const auto bytes = from_hex(text);
  return bytes && bytes->size() == sizeof(Digest) ? std::optional(digest_from(*bytes)) : std::nullopt;
}

bool load(bool& flag) noexcept { return std::atomic_ref(flag).load(std::memory_order_relaxed); }
// Whether it was not set before.
bool set(bool& flag) noexcept { return !std::atomic_ref(flag).exchange(true, std::memory_order_relaxed); }

}  // namespace

std::string to_message(const NodeKey& key) {
  return fmt::format("{} {} {} {} {} {}", hex(bytes_of(key.hash)), key.host, key.used ? 1 : 0, key.ends_at,
                     key.rival ? hex(bytes_of(*key.rival)) : "-", key.rival_at);
}

std::optional<NodeKey> from_message(std::string_view message) {
  const auto words = fields(message);
  if (words.size() != 6) return std::nullopt;
  const auto hash = digest_from_hex(words[0]);
  const auto host = parse<std::int64_t>(words[1]);
  const auto ends_at = parse<std::int64_t>(words[3]);
  const auto rival_at = parse<std::int64_t>(words[5]);
  if (!hash || !host || !ends_at || !rival_at) return std::nullopt;
  return NodeKey{.hash = *hash,
                 .host = *host,
                 .used = words[2] == "1",
                 .ends_at = *ends_at,
                 .rival = digest_from_hex(words[4]),
                 .rival_at = *rival_at};
}

std::optional<hosts::HostId> NodeKeys::recall(std::string_view key, std::string_view address, Timestamp now) const {
  if (!is_secret(key)) return 0;
  const auto hash = digest_of(key);
  {
    const std::shared_lock lock(mutex_);
    if (const auto entry = keys_.find(hash); entry != keys_.end()) {
      if (!load(entry->second.used) && set(entry->second.used) && rivals_.contains(hash))
        found({.kind = Finding::Kind::first_use, .hash = hash});
      note_address(hash, entry->second, address, now);
      if (!entry->second.watched) return entry->second.host;
      const auto& watch = watches_.at(hash);
      if (watch.ends_at != 0 && now.ms > watch.ends_at) return 0;
      if (watch.rival && now.ms > watch.rival_at + kOverlapMs && is_used(*watch.rival) && set(watch.told))
        found({.kind = Finding::Kind::both_alive, .hash = hash, .rival = *watch.rival});
      return entry->second.host;
    }
  }
  if (unknown(hash, now)) return 0;
  return std::nullopt;
}

bool NodeKeys::is_of(std::string_view key, hosts::HostId host, Timestamp now) const {
  if (!is_secret(key)) return false;
  const auto hash = digest_of(key);
  const std::shared_lock lock(mutex_);
  const auto entry = keys_.find(hash);
  if (entry == keys_.end() || entry->second.host != host) return false;
  if (!entry->second.watched) return true;
  const auto ends_at = watches_.at(hash).ends_at;
  return ends_at == 0 || now.ms <= ends_at;
}

bool NodeKeys::is_used(const Digest& hash) const {
  const auto entry = keys_.find(hash);
  return entry != keys_.end() && load(entry->second.used);
}

// One machine changes its address now and then, or has several connections by two ways; two machines with one key are
// there all the time. Updates of several threads at once may get lost.
void NodeKeys::note_address(const Digest& hash, const Entry& entry, std::string_view address, Timestamp now) const {
  const auto id = static_cast<std::uint16_t>(std::hash<std::string_view>()(address));
  const std::atomic_ref stored(entry.addresses);
  auto addresses = std::bit_cast<Addresses>(stored.load(std::memory_order_relaxed));
  if (addresses.last == id) return;
  const auto hour = static_cast<std::uint8_t>(now.ms / 3'600'000);
  if (addresses.other != id || addresses.hour != hour) addresses.changes = 0;
  addresses.hour = hour;
  addresses.other = std::exchange(addresses.last, id);
  if (addresses.changes <= kToAndFro) ++addresses.changes;
  stored.store(std::bit_cast<std::uint64_t>(addresses), std::memory_order_relaxed);
  if (addresses.changes == kToAndFro - 1) {
    const std::lock_guard lock(findings_mutex_);
    first_of_two_[hash] = address;
  }
  if (addresses.changes != kToAndFro) return;
  Finding finding{.kind = Finding::Kind::two_addresses, .hash = hash, .other_address = std::string(address)};
  {
    const std::lock_guard lock(findings_mutex_);
    finding.address = std::exchange(first_of_two_[hash], {});
    first_of_two_.erase(hash);
  }
  found(std::move(finding));
}

void NodeKeys::found(Finding finding) const {
  const std::lock_guard lock(findings_mutex_);
  findings_.push_back(std::move(finding));
}

std::vector<NodeKeys::Finding> NodeKeys::take_findings() {
  const std::lock_guard lock(findings_mutex_);
  return std::exchange(findings_, {});
}

void NodeKeys::put(const NodeKey& key) {
  {
    const std::lock_guard lock(unknown_mutex_);
    unknown_until_.erase(key.hash);
  }
  const std::lock_guard lock(mutex_);
  put_locked(key);
}

void NodeKeys::put_locked(const NodeKey& key) {
  watches_.erase(key.hash);
  if (key.host == 0) {
    keys_.erase(key.hash);
    rivals_.erase(key.hash);
    return;
  }
  const bool watched = key.ends_at != 0 || key.rival;
  auto& entry =
      keys_.try_emplace(key.hash, Entry{.host = key.host, .addresses = 0, .used = key.used, .watched = watched})
          .first->second;
  entry.host = key.host;
  entry.watched = watched;
  if (key.used) entry.used = true;
  if (watched) watches_.emplace(key.hash, Watch{.ends_at = key.ends_at, .rival = key.rival, .rival_at = key.rival_at});
  if (key.rival) rivals_.insert(*key.rival);
}

void NodeKeys::replace_all(const std::vector<NodeKey>& keys) {
  const std::lock_guard lock(mutex_);
  keys_.clear();
  watches_.clear();
  rivals_.clear();
  keys_.reserve(keys.size());
  for (const auto& key : keys) put_locked(key);
}

void NodeKeys::put_unknown(const Digest& hash, Timestamp now) {
  const std::lock_guard lock(unknown_mutex_);
  if (unknown_until_.size() >= kMostUnknown) {
    std::erase_if(unknown_until_, [&](const auto& entry) { return entry.second <= now.ms; });
    if (unknown_until_.size() >= kMostUnknown) unknown_until_.clear();
  }
  unknown_until_[hash] = now.ms + kUnknownMs;
}

bool NodeKeys::unknown(const Digest& hash, Timestamp now) const {
  const std::lock_guard lock(unknown_mutex_);
  const auto entry = unknown_until_.find(hash);
  return entry != unknown_until_.end() && entry->second > now.ms;
}

std::size_t NodeKeys::size() const {
  const std::shared_lock lock(mutex_);
  return keys_.size();
}

}  // namespace osprey::server::enrollment
