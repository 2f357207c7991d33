#include "linux/files/digest_cache.h"

namespace osprey::linux {

FileVersion version_of(const struct stat& info) noexcept {
  constexpr std::int64_t kSecond = 1'000'000'000;
  return {.device = info.st_dev,
          .inode = info.st_ino,
          .size = info.st_size,
          .changed_ns = info.st_ctim.tv_sec * kSecond + info.st_ctim.tv_nsec,
          .modified_ns = info.st_mtim.tv_sec * kSecond + info.st_mtim.tv_nsec};
}

std::optional<Digests> DigestCache::find(const FileVersion& file, DigestSet kinds) {
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(file);
  if (found == index_.end() || !found->second->digests.holds(kinds)) return std::nullopt;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->digests;
}

void DigestCache::insert(const FileVersion& file, const Digests& digests) {
  const std::lock_guard lock(mutex_);
  if (const auto found = index_.find(file); found != index_.end()) {
    for (std::size_t i = 0; i < kDigestKinds; ++i) {
      const auto kind = static_cast<DigestKind>(i);
      if (!digests[kind].empty()) found->second->digests[kind] = digests[kind];
    }
    entries_.splice(entries_.begin(), entries_, found->second);
    return;
  }
  if (capacity_ == 0) return;
  if (entries_.size() == capacity_) {
    index_.erase(entries_.back().file);
    entries_.pop_back();
  }
  entries_.push_front({file, digests});
  index_.emplace(file, entries_.begin());
}

std::size_t DigestCache::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

void DigestCache::clear() {
  const std::lock_guard lock(mutex_);
  index_.clear();
  entries_.clear();
}

}  // namespace osprey::linux
