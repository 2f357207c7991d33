// RowIndex: the rows of an earlier result as hashes, each with how often it is there and how often it has been seen
// again: 20 bytes a row, 24 where rows repeat.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "agent/differential/row_hash.h"

namespace osprey::agent {

class RowIndex {
 public:
  void reserve(std::size_t rows);
  // Hashes come in ascending order; seal() follows the last.
  void append(const RowHash& hash, std::uint32_t count);
  void seal();

  std::size_t size() const noexcept { return hashes_.size(); }
  const RowHash& hash(std::size_t i) const noexcept { return hashes_[i]; }
  std::uint32_t count(std::size_t i) const noexcept { return counts_.empty() ? 1 : counts_[i]; }
  std::uint32_t seen(std::size_t i) const noexcept { return seen_[i]; }
  std::uint32_t unseen(std::size_t i) const noexcept { return count(i) - seen_[i]; }

  // Sees the row once more: false if it is not there or has been seen as often as it is there.
  bool take(const RowHash& hash) noexcept;
  // Fetches what take() will read: several looks at memory overlap then.
  void prefetch(const RowHash& hash) const noexcept;

 private:
  std::size_t bucket(const RowHash& hash) const noexcept { return bits_ == 0 ? 0 : hash.high >> (64 - bits_); }

  std::vector<RowHash> hashes_;
  std::vector<std::uint32_t> seen_;
  std::vector<std::uint32_t> counts_;   // empty while every row is there once
  std::vector<std::uint32_t> buckets_;  // where the hashes with these leading bits begin: hashes are evenly spread
  unsigned bits_ = 0;
};

}  // namespace osprey::agent
