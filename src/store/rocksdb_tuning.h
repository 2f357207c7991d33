// How RocksDB is set up: its sizes, families and options. For the stores on it.
#pragma once

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace osprey::store {

// A part of the cap is held back for what runs in the background and cannot be refused: memtables on their way to disk
// and the output of a compaction, beside its input.
std::uint64_t room_for_background(std::uint64_t cap);
// The same for a store without a cap.
std::uint64_t background_of(std::uint64_t cap);
// Bytes in memory, and in the log, at which families are flushed.
std::uint64_t unflushed(std::uint64_t cap);

// RocksDB's own log: nowhere. Its warnings say what it could not read, which nothing else tells of a damaged
// write-ahead log.
class WarningLogger final : public rocksdb::Logger {
 public:
  WarningLogger() : Logger(rocksdb::InfoLogLevel::WARN_LEVEL) {}
  using Logger::Logv;
  void Logv(const char* format, va_list arguments) override;
  std::string dropped() const;

 private:
  mutable std::mutex mutex_;
  std::string dropped_;
};

rocksdb::DBOptions database_options(std::uint64_t cap);
// By Family, then RocksDB's own first family, which has our mark.
std::vector<rocksdb::ColumnFamilyDescriptor> descriptors(const std::shared_ptr<rocksdb::Cache>& cache,
                                                         std::uint64_t cap);
std::shared_ptr<rocksdb::Cache> make_cache();

}  // namespace osprey::store
