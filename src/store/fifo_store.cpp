#include "store/fifo_store.h"

#include <fmt/format.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/metadata.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <mutex>
#include <utility>

#include "store/rocksdb_database.h"
#include "store/rocksdb_tuning.h"
#include "store/store_directory.h"

namespace osprey::store {
namespace {

using rocksdb::Slice;
using rocksdb::Status;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kMemory = 8 << 20;  // of all families' rows that are not in a file yet; also of their log
// A file goes as a whole: it must be a small part of the family's cap.
constexpr std::uint64_t kFilesOfCap = 16;
constexpr std::uint64_t kLargestMemtable = 4 << 20;
// Files of a quiet family are small, as one log is all families': so many of them are made one.
constexpr int kSmallFiles = 8;

std::uint64_t memtable_of(std::uint64_t cap) {
  return std::clamp<std::uint64_t>(cap / kFilesOfCap, 128 << 10, kLargestMemtable);
}

rocksdb::CompactionOptionsFIFO fifo(std::uint64_t cap) {
  rocksdb::CompactionOptionsFIFO options;
  options.max_table_files_size = std::max(cap, kLeastFamily);
  options.allow_compaction = true;
  return options;
}

rocksdb::ColumnFamilyOptions family_options(std::uint64_t cap, const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.block_size = 32 << 10;
  table.cache_index_and_filter_blocks = true;  // else each open file holds its own
  table.format_version = 5;

  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.compression = rocksdb::kZSTD;
  options.compression_opts.level = 1;
  options.write_buffer_size = memtable_of(cap);
  options.arena_block_size = 64 << 10;
  options.max_write_buffer_number = 2;
  options.compaction_style = rocksdb::kCompactionStyleFIFO;
  options.compaction_options_fifo = fifo(cap);
  options.level0_file_num_compaction_trigger = kSmallFiles;
  options.level0_slowdown_writes_trigger = std::numeric_limits<int>::max();
  options.level0_stop_writes_trigger = std::numeric_limits<int>::max();
  options.ttl = 0;  // by whoever knows what the keys say of time: drop_while()
  return options;
}

rocksdb::DBOptions options_of_fifo() {
  auto options = database_options(0);
  options.db_write_buffer_size = kMemory;
  options.max_total_wal_size = kMemory;
  return options;
}

// Of what other families are there, too: RocksDB opens all or none.
std::vector<rocksdb::ColumnFamilyDescriptor> descriptors_of(const FifoOptions& options,
                                                            const std::shared_ptr<rocksdb::Cache>& cache,
                                                            bool writable) {
  std::vector<std::string> there;
  (void)rocksdb::DB::ListColumnFamilies({}, options.directory, &there);
  std::vector<rocksdb::ColumnFamilyDescriptor> all;
  for (const auto& family : options.families)
    if (writable || std::ranges::find(there, family.name) != there.end())
      all.emplace_back(family.name, family_options(family.cap_bytes, cache));
  all.emplace_back(rocksdb::kDefaultColumnFamilyName, rocksdb::ColumnFamilyOptions());
  for (const auto& name : there)
    if (writable && std::ranges::find(all, name, &rocksdb::ColumnFamilyDescriptor::name) == all.end())
      all.emplace_back(name, family_options(kLeastFamily, cache));
  return all;
}

class RocksdbFifo final : public FifoStore {
 public:
  // `place` is the lock; a view has none.
  RocksdbFifo(std::string directory, std::optional<StoreDirectory> place, std::unique_ptr<Database> database,
              std::vector<rocksdb::ColumnFamilyHandle*> families)
      : directory_(std::move(directory)),
        place_(std::move(place)),
        database_(std::move(database)),
        families_(std::move(families)) {}
  ~RocksdbFifo() override {
    if (place_) {
      (void)is_damaged();
      (void)sync_logs(directory_);
    }
    database_->close();  // while the directory is still locked
  }

  Result<void> write(std::span<const FifoRow> rows) override;
  Result<void> sync() override {
    if (is_damaged()) return damaged();
    if (database_->trouble->stopped()) (void)resume();
    return sync_logs(directory_);
  }

  std::unique_ptr<Cursor> cursor(std::size_t family, std::string_view first, std::string_view last) const override {
    auto* const handle = families_[family];
    return std::make_unique<RocksdbCursor>(db(), handle == nullptr ? db().DefaultColumnFamily() : handle,
                                           handle == nullptr ? std::string_view("\xFF\xFF") : first,
                                           handle == nullptr ? std::string_view() : last,
                                           [this](const Status& status) { note(status); });
  }
  std::optional<std::string> first_key(std::size_t family) const override {
    const auto at = cursor(family, {}, {});
    if (!at->valid()) return std::nullopt;
    return std::string(at->key());
  }
  // By the note of it that goes with every batch.
  std::optional<std::string> last_key(std::size_t family) const override {
    if (families_[family] == nullptr) return std::nullopt;
    std::string key;
    const auto status = db().Get({}, db().DefaultColumnFamily(), families_[family]->GetName(), &key);
    note(status);
    if (!status.ok()) return std::nullopt;
    return key;
  }

  Result<void> drop_while(std::size_t family, const Goes& goes) override;
  Result<void> set_cap(std::size_t family, std::uint64_t bytes) override;

  std::uint64_t file_bytes(std::size_t family) const override {
    std::uint64_t bytes = 0;
    if (families_[family] == nullptr) return 0;
    return db().GetIntProperty(families_[family], rocksdb::DB::Properties::kLiveSstFilesSize, &bytes) ? bytes : 0;
  }
  std::uint64_t disk_bytes() const override { return place_ ? database_->meter->used() : measure(directory_); }
  std::optional<std::string> damage() const override {
    if (!is_damaged()) return std::nullopt;
    return database_->trouble->damage();
  }

 private:
  rocksdb::DB& db() const { return *database_->db; }
  void note(const Status& status) const {
    if (place_) database_->trouble->note(status);
  }
  bool is_damaged() const {
    if (!place_ || !database_->trouble->is_damaged()) return false;
    std::call_once(marked_, [this] { place_->mark_damaged(database_->trouble->damage()); });
    return true;
  }
  std::unexpected<Error> damaged() const {
    return std::unexpected(Error{EBADMSG, directory_, database_->trouble->damage()});
  }
  bool resume();

  const std::string directory_;
  mutable std::optional<StoreDirectory> place_;
  mutable std::once_flag marked_;
  std::unique_ptr<Database> database_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;  // null: not there, in a view
  std::mutex mutex_;                                    // of the resumption
  Clock::time_point next_resume_{};
};

Result<void> RocksdbFifo::write(std::span<const FifoRow> rows) {
  if (!place_) return std::unexpected(Error{EROFS, directory_, "is open for reading only"});
  if (rows.empty()) return {};
  if (is_damaged()) return damaged();
  std::size_t bytes = 0;
  for (const auto& row : rows) bytes += row.key.size() + row.value.size() + 16;
  rocksdb::WriteBatch batch(bytes);
  std::vector<std::string_view> last(families_.size());
  for (const auto& row : rows) {
    batch.Put(families_[row.family], Slice(row.key.data(), row.key.size()), Slice(row.value.data(), row.value.size()));
    last[row.family] = row.key;
  }
  for (std::size_t i = 0; i < last.size(); ++i)
    if (!last[i].empty()) batch.Put(families_[i]->GetName(), Slice(last[i].data(), last[i].size()));

  const std::lock_guard lock(mutex_);
  auto status = db().Write({}, &batch);
  // Writing the same batch twice is the same as once.
  if (!status.ok() && !status.IsCorruption() && resume()) status = db().Write({}, &batch);
  note(status);
  if (!status.ok()) return to_error(status, directory_);
  return {};
}

// After an error in the background RocksDB does nothing more until it is told to; it flushes what it holds in memory.
bool RocksdbFifo::resume() {
  if (is_damaged() || Clock::now() < next_resume_) return false;
  next_resume_ = Clock::now() + std::chrono::milliseconds(100);
  const auto status = db().Resume();
  note(status);
  if (status.ok()) database_->trouble->set_stopped(false);
  return status.ok();
}

Result<void> RocksdbFifo::drop_while(std::size_t family, const Goes& goes) {
  if (!place_) return std::unexpected(Error{EROFS, directory_, "is open for reading only"});
  // Only the oldest can go: what is left keeps its order.
  for (;;) {
    rocksdb::ColumnFamilyMetaData facts;
    db().GetColumnFamilyMetaData(families_[family], &facts);
    const rocksdb::SstFileMetaData* oldest = nullptr;
    for (const auto& level : facts.levels)
      for (const auto& file : level.files)
        if (oldest == nullptr || file.largest_seqno < oldest->largest_seqno) oldest = &file;
    if (oldest == nullptr || oldest->being_compacted || !goes(oldest->largestkey)) return {};
    const auto status = db().DeleteFile(oldest->name);
    if (status.IsInvalidArgument()) return {};  // it has gone meanwhile
    note(status);
    if (!status.ok()) return to_error(status, directory_);
  }
}

Result<void> RocksdbFifo::set_cap(std::size_t family, std::uint64_t bytes) {
  if (!place_) return std::unexpected(Error{EROFS, directory_, "is open for reading only"});
  const auto cap = std::max(bytes, kLeastFamily);
  const auto status = db().SetOptions(
      families_[family],
      {{"compaction_options_fifo", fmt::format("{{max_table_files_size={};allow_compaction=true}}", cap)},
       {"write_buffer_size", std::to_string(memtable_of(cap))}});
  note(status);
  if (!status.ok()) return to_error(status, directory_);
  return {};
}

using Handles = std::vector<rocksdb::ColumnFamilyHandle*>;

// The families of the options among those that are open, null where one is not.
Handles families_of(const FifoOptions& options, const Handles& open) {
  Handles families;
  for (const auto& family : options.families) {
    const auto found = std::ranges::find_if(open, [&](auto* one) { return one->GetName() == family.name; });
    families.push_back(found == open.end() ? nullptr : *found);
  }
  return families;
}

std::expected<std::unique_ptr<Database>, OpenError> open_database(const FifoOptions& options) {
  auto made = std::make_unique<Database>();
  made->cache = make_cache();
  const auto opened = made->open(options.directory, std::make_shared<Meter>(0, 0), options_of_fifo(),
                                 descriptors_of(options, made->cache, true));
  if (!opened) return std::unexpected(opened.error());
  for (auto* one : made->handles) {
    const auto& name = one->GetName();
    const auto wanted = std::ranges::find(options.families, name, &FifoFamily::name);
    if (name == rocksdb::kDefaultColumnFamilyName || wanted != options.families.end()) continue;
    if (const auto status = made->db->DropColumnFamily(one); !status.ok()) return std::unexpected(open_error(status));
    (void)made->db->Delete({}, name);
  }
  return made;
}

}  // namespace

Result<OpenedFifo> open_fifo(const FifoOptions& options) {
  auto opened = TRY(open_place(options.directory, [&] { return open_database(options); }));
  (void)opened.place.prune_set_asides(1, 0, 0);
  auto families = families_of(options, opened.database->handles);
  OpenedFifo made{.store = std::make_unique<RocksdbFifo>(options.directory, std::move(opened.place),
                                                         std::move(opened.database), std::move(families)),
                  .set_aside = std::move(opened.set_aside),
                  .reason = std::move(opened.reason)};
  StoreDirectory::end_opening(options.directory);
  return made;
}

Result<std::unique_ptr<FifoStore>> open_fifo_beside(const FifoOptions& options) {
  run_rocksdb_constructors();
  auto database = TRY(open_secondary(options.directory, options_of_fifo(),
                                     [&](const auto& cache) { return descriptors_of(options, cache, false); }));
  auto families = families_of(options, database->handles);
  return std::make_unique<RocksdbFifo>(options.directory, std::nullopt, std::move(database), std::move(families));
}

}  // namespace osprey::store
