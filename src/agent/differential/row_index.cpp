#include "agent/differential/row_index.h"

#include <algorithm>
#include <bit>

namespace osprey::agent {

void RowIndex::reserve(std::size_t rows) {
  hashes_.reserve(rows);
  seen_.reserve(rows);
}

void RowIndex::append(const RowHash& hash, std::uint32_t count) {
  if (count != 1 && counts_.empty()) counts_.assign(hashes_.size(), 1);
  hashes_.push_back(hash);
  seen_.push_back(0);
  if (count != 1 || !counts_.empty()) counts_.push_back(count);
}

void RowIndex::seal() {
  constexpr std::size_t kRowsABucket = 8;  // two lines of cache
  bits_ = static_cast<unsigned>(std::bit_width(hashes_.size() / kRowsABucket));
  buckets_.assign((std::size_t{1} << bits_) + 1, 0);
  for (const auto& hash : hashes_) ++buckets_[bucket(hash) + 1];
  for (std::size_t i = 1; i < buckets_.size(); ++i) buckets_[i] += buckets_[i - 1];
}

bool RowIndex::take(const RowHash& hash) noexcept {
  const auto begin = hashes_.begin() + buckets_[bucket(hash)];
  const auto end = hashes_.begin() + buckets_[bucket(hash) + 1];
  const auto found = std::lower_bound(begin, end, hash);
  if (found == end || *found != hash) return false;
  const auto i = static_cast<std::size_t>(found - hashes_.begin());
  if (unseen(i) == 0) return false;
  ++seen_[i];
  return true;
}

void RowIndex::prefetch(const RowHash& hash) const noexcept {
  const auto begin = buckets_[bucket(hash)];
  if (begin == hashes_.size()) return;
  __builtin_prefetch(&hashes_[begin]);
  __builtin_prefetch(&hashes_[std::min<std::size_t>(begin + 4, hashes_.size() - 1)]);
  __builtin_prefetch(&seen_[begin]);
}

}  // namespace osprey::agent
