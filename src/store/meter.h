// Meter: counts what RocksDB's files take on disk as they grow and go, so that the cap on the store's directory holds
// at every moment and for every file: tables, those being compacted, write-ahead logs and manifests alike.
#pragma once

#include <rocksdb/file_system.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

namespace osprey::store {

// Thread-safe. Files count in whole blocks, as a filesystem stores them.
class Meter {
 public:
  // Compactions leave the last `kept_for_flushes` bytes below the cap alone: RocksDB goes on without a compaction, but
  // refuses writes after a flush that found no room.
  Meter(std::uint64_t cap_bytes, std::uint64_t kept_for_flushes) : cap_(cap_bytes), kept_(kept_for_flushes) {}

  static constexpr std::uint64_t kBlock = 4096;
  static constexpr std::uint64_t on_disk(std::uint64_t size) { return (size + kBlock - 1) / kBlock * kBlock; }

  std::uint64_t used() const noexcept { return used_.load(std::memory_order_relaxed); }
  std::uint64_t cap() const noexcept { return cap_; }
  // Counts a file that grows from one size to another; false, and nothing is counted, if that would exceed the cap.
  bool grow(std::uint64_t from, std::uint64_t to, bool compaction) noexcept;
  // Counts a file that is `to` bytes now, whatever the cap.
  void change(std::uint64_t from, std::uint64_t to) noexcept {
    used_.fetch_add(on_disk(to) - on_disk(from), std::memory_order_relaxed);
  }

 private:
  const std::uint64_t cap_;  // 0: none
  const std::uint64_t kept_;
  std::atomic<std::uint64_t> used_{0};
};

// Bytes on disk of the files directly in a directory; 0 if it is not there.
std::uint64_t measure(const std::string& directory);

// The host's filesystem, with `meter` counting. A write beyond its cap fails with NoSpace as on a full disk.
std::shared_ptr<rocksdb::FileSystem> metered_file_system(std::shared_ptr<Meter> meter);

}  // namespace osprey::store
