#include "store/rocksdb_tuning.h"

#include <rocksdb/table.h>
#include <rocksdb/utilities/table_properties_collectors.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "store/store.h"

namespace osprey::store {
namespace {

// The whole agent has 25 MiB; a million-row result must still be written at good speed.
constexpr std::uint64_t kMemtable = 1 << 20;     // of one family
constexpr std::uint64_t kMemtables = 4 << 20;    // of all together; also of their write-ahead log
constexpr std::uint64_t kCache = 1 << 20;        // blocks, indexes included
constexpr std::uint64_t kFile = 4 << 20;         // a table file
constexpr std::uint64_t kLevel = 16 << 20;       // the first level below the flushed files
constexpr std::uint64_t kCompaction = 24 << 20;  // input of one compaction

struct FamilyShape {
  rocksdb::CompressionType compression;
};

// By Family.
constexpr std::array<FamilyShape, kFamilies> kShapes = {{
    {rocksdb::kLZ4Compression},  // configuration
    {rocksdb::kLZ4Compression},  // queries
    {rocksdb::kNoCompression},   // lines: records come compressed
    {rocksdb::kLZ4Compression},  // statistics
    {rocksdb::kZSTD},            // events
    {rocksdb::kNoCompression},   // carves
    {rocksdb::kLZ4Compression},  // distributed
}};

rocksdb::ColumnFamilyOptions family_options(const FamilyShape& shape, const std::shared_ptr<rocksdb::Cache>& cache,
                                            std::uint64_t cap) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.block_size = 16 << 10;
  table.cache_index_and_filter_blocks = true;  // else each open file holds its own
  table.max_auto_readahead_size = 64 << 10;
  table.format_version = 5;

  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.compression = shape.compression;
  options.write_buffer_size = std::min(kMemtable, unflushed(cap) / 2);
  options.arena_block_size = 64 << 10;
  options.max_write_buffer_number = 2;
  options.level0_file_num_compaction_trigger = 4;
  // A compaction that finds no room below the cap must not stop what erases.
  options.level0_slowdown_writes_trigger = 1000;
  options.level0_stop_writes_trigger = 1000;
  options.soft_pending_compaction_bytes_limit = 0;
  options.hard_pending_compaction_bytes_limit = 0;
  options.level_compaction_dynamic_level_bytes = true;  // garbage stays near a tenth of what lives
  const auto room = std::min(kCompaction, background_of(cap) / 2);
  options.max_compaction_bytes = room;
  options.max_bytes_for_level_base = std::min(kLevel, room / 2);
  options.target_file_size_base = std::min(kFile, room / 8);
  // Queues leave long rows of tombstones behind: a file that is half of them is compacted soon.
  options.table_properties_collector_factories = {rocksdb::NewCompactOnDeletionCollectorFactory(4096, 2048, 0.5)};
  return options;
}

}  // namespace

std::uint64_t room_for_background(std::uint64_t cap) { return std::min(kMemtables * 2 + kCompaction, cap / 4); }

std::uint64_t background_of(std::uint64_t cap) { return room_for_background(cap == 0 ? UINT64_MAX : cap); }

std::uint64_t unflushed(std::uint64_t cap) { return std::min(kMemtables, background_of(cap) / 4); }

rocksdb::DBOptions database_options(std::uint64_t cap) {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.paranoid_checks = true;
  options.track_and_verify_wals_in_manifest = true;
  // After a power cut the log may end in garbage: what stands before it is taken.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.db_write_buffer_size = unflushed(cap);
  options.max_total_wal_size = unflushed(cap);
  options.max_background_jobs = 2;
  options.max_open_files = -1;
  options.max_file_opening_threads = 1;
  options.max_manifest_file_size = 256 << 10;
  options.keep_log_file_num = 1;
  options.allow_fallocate = false;  // what is preallocated counts as used
  options.allow_concurrent_memtable_write = false;
  options.enable_write_thread_adaptive_yield = false;
  options.writable_file_max_buffer_size = 128 << 10;
  options.compaction_readahead_size = 128 << 10;
  options.random_access_max_buffer_size = 128 << 10;
  options.avoid_flush_during_shutdown = true;  // the log has it
  options.avoid_flush_during_recovery = true;
  options.skip_stats_update_on_db_open = true;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.avoid_unnecessary_blocking_io = true;
  options.dump_malloc_stats = false;
  return options;
}

std::vector<rocksdb::ColumnFamilyDescriptor> descriptors(const std::shared_ptr<rocksdb::Cache>& cache,
                                                         std::uint64_t cap) {
  std::vector<rocksdb::ColumnFamilyDescriptor> all;
  for (std::size_t i = 0; i < kFamilies; ++i)
    all.emplace_back(std::string(name_of(static_cast<Family>(i))), family_options(kShapes[i], cache, cap));
  // RocksDB's own first family has our mark.
  all.emplace_back(rocksdb::kDefaultColumnFamilyName, family_options(kShapes[0], cache, cap));
  return all;
}

std::shared_ptr<rocksdb::Cache> make_cache() {
  rocksdb::LRUCacheOptions options;
  options.capacity = kCache;
  options.num_shard_bits = 0;
  return rocksdb::NewLRUCache(options);
}

void WarningLogger::Logv(const char* format, va_list arguments) {
  if (!std::string_view(format).contains("dropping")) return;
  std::array<char, 256> text;
  std::vsnprintf(text.data(), text.size(), format, arguments);
  std::lock_guard lock(mutex_);
  dropped_ = text.data();
}

std::string WarningLogger::dropped() const {
  std::lock_guard lock(mutex_);
  return dropped_;
}

}  // namespace osprey::store
