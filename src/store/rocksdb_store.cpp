#include "store/rocksdb_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/write_batch.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <thread>

#include "store/meter.h"
#include "store/rocksdb_database.h"
#include "store/rocksdb_tuning.h"
#include "store/store_directory.h"

namespace osprey::store {
namespace {

using rocksdb::Slice;
using rocksdb::Status;
using Clock = std::chrono::steady_clock;

// --- What was erased.

constexpr std::size_t kRanges = 32;                  // erased ranges remembered a family
constexpr std::uint64_t kWorthCompacting = 2 << 20;  // bytes of files in one of them
constexpr std::uint64_t kRangeDeletions = 256;       // in a memtable; each read of the family goes through them

// --- Reading: what a view beside and the store itself have in common.

class RocksdbView : public Store {
 public:
  RocksdbView(std::string directory, std::unique_ptr<Database> database)
      : directory_(std::move(directory)), database_(std::move(database)) {}

  Result<std::optional<std::string>> get(Family family, std::string_view key) const override {
    std::string value;
    const auto status = db().Get({}, handle(family), Slice(key.data(), key.size()), &value);
    if (status.IsNotFound()) return std::nullopt;
    if (!status.ok()) return failed(status);
    return value;
  }
  std::unique_ptr<Cursor> cursor(Family family, std::string_view first, std::string_view last) const override {
    return std::make_unique<RocksdbCursor>(db(), handle(family), first, last,
                                           [this](const Status& status) { note(status); });
  }
  Result<void> write(const Batch&) override {
    return std::unexpected(Error{EROFS, directory_, "is open for reading only"});
  }
  Result<void> sync() override { return {}; }

  std::vector<FamilyUsage> usage() const override {
    std::vector<FamilyUsage> all;
    for (std::size_t i = 0; i < kFamilies; ++i) {
      const auto family = static_cast<Family>(i);
      // What is in memory still, and in the log.
      static const std::string kLast(32, '\xFF');
      std::uint64_t entries = 0;
      std::uint64_t bytes = 0;
      db().GetApproximateMemTableStats(handle(family), rocksdb::Range("", kLast), &entries, &bytes);
      FamilyUsage one{family, property(family, rocksdb::DB::Properties::kEstimateNumKeys),
                      property(family, rocksdb::DB::Properties::kEstimateLiveDataSize) + (entries == 0 ? 0 : bytes),
                      property(family, rocksdb::DB::Properties::kLiveSstFilesSize)};
      all.push_back(one);
    }
    return all;
  }
  std::uint64_t disk_bytes() const override { return measure(directory_); }
  Pressure pressure() const override { return Pressure::none; }
  void shed_caches() override { database_->cache->EraseUnRefEntries(); }

 protected:
  rocksdb::ColumnFamilyHandle* handle(Family family) const {
    return database_->handles[static_cast<std::size_t>(family)];
  }
  std::uint64_t property(Family family, const std::string& name) const {
    std::uint64_t value = 0;
    return db().GetIntProperty(handle(family), name, &value) ? value : 0;
  }
  // Told of every status that is not OK.
  virtual void note(const Status&) const {}
  std::unexpected<Error> failed(const Status& status) const {
    note(status);
    return to_error(status, directory_);
  }
  rocksdb::DB& db() const { return *database_->db; }

  const std::string directory_;
  std::unique_ptr<Database> database_;
};

// --- Writing.

struct ErasedRange {
  std::string first;
  std::string last;
};

// Ranges of a family in which nothing lives, but what was erased may still take space.
class Erased {
 public:
  void add(std::string_view first, std::string_view last) {
    if (first >= last) return;
    ErasedRange range{std::string(first), std::string(last)};
    // Ranges that touch are one: a queue's are.
    std::erase_if(ranges_, [&](const ErasedRange& one) {
      if (one.last < range.first || range.last < one.first) return false;
      range.first = std::min(range.first, one.first);
      range.last = std::max(range.last, one.last);
      return true;
    });
    if (ranges_.size() == kRanges) ranges_.erase(ranges_.begin());
    ranges_.push_back(std::move(range));
  }
  // What has been put since lives.
  void put(std::string_view key) {
    std::erase_if(ranges_, [&](const ErasedRange& one) { return one.first <= key && key < one.last; });
  }
  std::vector<ErasedRange>& ranges() noexcept { return ranges_; }

 private:
  std::vector<ErasedRange> ranges_;
};

// One writer at a time. Locks: write_ before Trouble's own.
class RocksdbStore final : public RocksdbView {
 public:
  RocksdbStore(RocksdbOptions options, StoreDirectory directory, std::unique_ptr<Database> database)
      : RocksdbView(directory.path(), std::move(database)),
        options_(std::move(options)),
        place_(std::move(directory)) {}
  ~RocksdbStore() override {
    (void)is_damaged();
    (void)sync_logs(directory_);
    // While the directory is still locked.
    database_->close();
  }

  Result<void> write(const Batch& batch) override;
  Result<void> sync() override;
  Result<void> compact() override;
  Result<void> resize_beside(std::uint64_t from, std::uint64_t to) override;
  std::uint64_t disk_bytes() const override { return meter().used(); }
  Pressure pressure() const override {
    std::lock_guard lock(write_);
    return pressure_for(refused_bytes_, true);
  }
  std::optional<std::string> damage() const override {
    if (!is_damaged()) return std::nullopt;
    return trouble().damage();
  }

  // What the file of the identity has and the store lacks is put into the store; then the file is as the store.
  Result<void> join_identity();

 protected:
  void note(const Status& status) const override {
    trouble().note(status);
    (void)is_damaged();
  }

 private:
  Meter& meter() const { return *database_->meter; }
  Trouble& trouble() const { return *database_->trouble; }
  // Once it is, the next opening is to know.
  bool is_damaged() const {
    if (!trouble().is_damaged()) return false;
    std::call_once(marked_, [this] { place_.mark_damaged(trouble().damage()); });
    return true;
  }
  Result<void> admit(std::uint64_t bytes, bool adds);
  std::unexpected<Error> refusal(Pressure pressure) const;
  Pressure pressure_for(std::uint64_t bytes, bool adds) const;
  Pressure pressure_after_background(std::uint64_t bytes, bool adds) const;
  Result<void> apply(rocksdb::WriteBatch& batch);
  void remember_erased(const Batch& batch);
  bool resume();
  void flush();
  bool reclaim(std::uint64_t worth);
  void give_back(rocksdb::ColumnFamilyHandle* family, const Slice& first, const Slice& last);
  void rewrite();
  Result<void> save_identity();

  const RocksdbOptions options_;
  mutable StoreDirectory place_;
  mutable std::once_flag marked_;

  mutable std::mutex write_;
  std::array<Erased, kFamilies> erased_;
  std::array<std::uint64_t, kFamilies> range_deletions_{};
  std::array<bool, kFamilies> garbage_{};  // something was erased or overwritten since rewrite()
  Clock::time_point next_rewrite_{};
  Clock::time_point next_resume_{};
  std::uint64_t refused_bytes_ = 0;
  bool filesystem_full_ = false;  // the kernel said so
  bool identity_changed_ = false;
};

bool touches_identity(const Batch& batch) {
  return std::ranges::any_of(batch.operations(), [](const Batch::Operation& one) {
    if (one.family != Family::configuration) return false;
    if (one.kind != Batch::Operation::Kind::erase_range) return one.key.starts_with(kIdentityPrefix);
    return one.key < prefix_end(kIdentityPrefix) && kIdentityPrefix < one.value;
  });
}

Result<void> RocksdbStore::write(const Batch& batch) {
  if (batch.empty()) return {};
  bool adds = false;
  rocksdb::WriteBatch translated(batch.bytes() + batch.operations().size() * 16);
  for (const auto& one : batch.operations()) {
    switch (one.kind) {
      case Batch::Operation::Kind::put:
        translated.Put(handle(one.family), one.key, one.value);
        adds = true;
        break;
      case Batch::Operation::Kind::erase:
        translated.Delete(handle(one.family), one.key);
        break;
      case Batch::Operation::Kind::erase_range:
        if (one.key < one.value) translated.DeleteRange(handle(one.family), one.key, one.value);
        break;
    }
  }
  std::lock_guard lock(write_);
  if (is_damaged()) return std::unexpected(Error{EBADMSG, directory_, trouble().damage()});
  TRY(admit(translated.GetDataSize(), adds));
  TRY(apply(translated));
  remember_erased(batch);
  if (touches_identity(batch)) {
    identity_changed_ = true;
    (void)sync_logs(directory_);
    (void)save_identity();  // sync() tries again
  }
  return {};
}

Result<void> RocksdbStore::admit(std::uint64_t bytes, bool adds) {
  auto pressure = pressure_for(bytes, adds);
  if (pressure == Pressure::cap && reclaim(Meter::kBlock)) pressure = pressure_after_background(bytes, adds);
  if (pressure == Pressure::cap && Clock::now() >= next_rewrite_) {
    rewrite();
    pressure = pressure_after_background(bytes, adds);
  }
  if (pressure == Pressure::none) return {};
  refused_bytes_ = bytes;
  return refusal(pressure);
}

std::unexpected<Error> RocksdbStore::refusal(Pressure pressure) const {
  return std::unexpected(Error{ENOSPC, directory_,
                               pressure == Pressure::cap ? fmt::format("at its cap of {} bytes", options_.cap_bytes)
                                                         : "the filesystem has too little free space"});
}

// The store's own writes keep what is held back for them.
Result<void> RocksdbStore::resize_beside(std::uint64_t from, std::uint64_t to) {
  std::lock_guard lock(write_);
  if (to > from)
    if (const auto pressure = pressure_for(to - from, true); pressure != Pressure::none) return refusal(pressure);
  meter().change(from, to);
  return {};
}

// Files are removed only when what reads or replaces them is through.
Pressure RocksdbStore::pressure_after_background(std::uint64_t bytes, bool adds) const {
  auto pressure = pressure_for(bytes, adds);
  for (int i = 0; i < 100 && pressure == Pressure::cap; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    std::uint64_t flushes = 0;
    std::uint64_t compactions = 0;
    db().GetIntProperty(rocksdb::DB::Properties::kNumRunningFlushes, &flushes);
    db().GetIntProperty(rocksdb::DB::Properties::kNumRunningCompactions, &compactions);
    pressure = pressure_for(bytes, adds);
    if (flushes + compactions == 0) break;
  }
  return pressure;
}

Pressure RocksdbStore::pressure_for(std::uint64_t bytes, bool adds) const {
  if (meter().cap() != 0) {
    // What only erases may use some of what is held back: it gives space.
    const auto held_back = room_for_background(meter().cap()) / (adds ? 1 : 4);
    if (meter().used() + bytes + Meter::kBlock + held_back > meter().cap()) return Pressure::cap;
  }
  if (!adds) return Pressure::none;
  if (filesystem_full_ || free_bytes(directory_).value_or(UINT64_MAX) < options_.free_floor_bytes + bytes)
    return Pressure::filesystem;
  return Pressure::none;
}

Result<void> RocksdbStore::apply(rocksdb::WriteBatch& batch) {
  auto status = db().Write({}, &batch);
  // Writing the same batch twice is the same as once.
  if (!status.ok() && !status.IsCorruption() && resume()) status = db().Write({}, &batch);
  if (status.ok()) {
    filesystem_full_ = false;
    refused_bytes_ = 0;
    return {};
  }
  if (status.IsNoSpace() && pressure_for(0, true) != Pressure::cap) {
    filesystem_full_ = true;
    refused_bytes_ = batch.GetDataSize();
  }
  return failed(status);
}

// After an error in the background RocksDB does nothing more until it is told to; it flushes what it holds in memory.
bool RocksdbStore::resume() {
  if (is_damaged() || Clock::now() < next_resume_) return false;
  next_resume_ = Clock::now() + std::chrono::milliseconds(100);
  const auto status = db().Resume();
  note(status);
  if (!status.ok()) return false;
  trouble().set_stopped(false);
  filesystem_full_ = false;
  return true;
}

rocksdb::CompactRangeOptions compaction() {
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;
  options.allow_write_stall = true;
  return options;
}

// All families, so that no log is needed any more.
void RocksdbStore::flush() {
  rocksdb::FlushOptions options;
  options.allow_write_stall = true;
  note(db().Flush(options, database_->handles));
}

void RocksdbStore::remember_erased(const Batch& batch) {
  for (const auto& one : batch.operations()) {
    const auto family = static_cast<std::size_t>(one.family);
    garbage_[family] = true;
    if (one.kind == Batch::Operation::Kind::put) erased_[family].put(one.key);
    if (one.kind != Batch::Operation::Kind::erase_range) continue;
    erased_[family].add(one.key, one.value);
    if (++range_deletions_[family] < kRangeDeletions) continue;
    range_deletions_[family] = 0;
    rocksdb::FlushOptions flush;
    flush.wait = false;
    flush.allow_write_stall = true;
    note(db().Flush(flush, database_->handles[family]));
  }
}

// Gives back erased ranges that hold at least `worth` bytes; whether there was one.
bool RocksdbStore::reclaim(std::uint64_t worth) {
  bool any = false;
  for (std::size_t i = 0; i < kFamilies; ++i) {
    std::erase_if(erased_[i].ranges(), [&](const ErasedRange& one) {
      const Slice first(one.first);
      const Slice last(one.last);
      const rocksdb::Range range(first, last);
      std::uint64_t bytes = 0;
      rocksdb::SizeApproximationOptions what;
      what.include_memtables = true;
      what.include_files = true;
      note(db().GetApproximateSizes(what, database_->handles[i], &range, 1, &bytes));
      if (bytes < worth) return false;
      give_back(database_->handles[i], first, last);
      any = true;
      return true;
    });
  }
  return any;
}

// Drops files that lie in the range as a whole and compacts the two at its ends. The range's tombstone gets a file of
// its own: in one with keys far from it, it would drag all between them through a compaction that has no room.
void RocksdbStore::give_back(rocksdb::ColumnFamilyHandle* family, const Slice& first, const Slice& last) {
  flush();
  const auto erased = db().DeleteRange({}, family, first, last);
  note(erased);
  // Else a power cut could leave what older files have of the range without its tombstone.
  if (!erased.ok() || !sync_logs(directory_)) return;
  flush();
  const rocksdb::RangePtr range(&first, &last);
  note(rocksdb::DeleteFilesInRanges(&db(), family, &range, 1, false));
  note(db().CompactRange(compaction(), family, &first, &last));
}

// A tenth of the time at most goes into it.
void RocksdbStore::rewrite() {
  const auto started = Clock::now();
  flush();
  for (std::size_t i = 0; i < kFamilies; ++i) {
    if (!garbage_[i]) continue;
    // Where it does not fit, the compactions of single files that go on by themselves must do.
    if (property(static_cast<Family>(i), rocksdb::DB::Properties::kLiveSstFilesSize) + meter().used() > meter().cap())
      continue;
    garbage_[i] = false;
    erased_[i].ranges().clear();
    note(db().CompactRange(compaction(), database_->handles[i], nullptr, nullptr));
  }
  next_rewrite_ = Clock::now() + (Clock::now() - started) * 10;
}

Result<void> RocksdbStore::sync() {
  std::unique_lock lock(write_);
  if (is_damaged()) return std::unexpected(Error{EBADMSG, directory_, trouble().damage()});
  if (trouble().stopped()) (void)resume();
  reclaim(kWorthCompacting);
  if (identity_changed_) TRY(save_identity());
  lock.unlock();
  return sync_logs(directory_);
}

Result<void> RocksdbStore::compact() {
  flush();
  rocksdb::CompactRangeOptions how;
  how.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  for (auto* family : database_->handles)
    if (const auto status = db().CompactRange(how, family, nullptr, nullptr); !status.ok()) return failed(status);
  return {};
}

Result<Identity> stored_identity(const Store& store) {
  Identity identity;
  const auto cursor = store.cursor(Family::configuration, kIdentityPrefix, prefix_end(kIdentityPrefix));
  for (; cursor->valid(); cursor->next()) identity.emplace(cursor->key(), cursor->value());
  TRY(cursor->status());
  return identity;
}

Result<void> RocksdbStore::join_identity() {
  const auto stored = TRY(stored_identity(*this));
  const auto kept = place_.identity();
  Batch batch;
  for (const auto& [key, value] : kept)
    if (!stored.contains(key)) batch.put(Family::configuration, key, value);
  if (!batch.empty()) return write(batch);
  if (stored == kept) return {};
  std::lock_guard lock(write_);
  return save_identity();
}

Result<void> RocksdbStore::save_identity() {
  const auto stored = TRY(stored_identity(*this));
  TRY(place_.save_identity(stored));
  identity_changed_ = false;
  return {};
}

// --- Opening.

using OpenedDatabase = std::expected<std::unique_ptr<Database>, OpenError>;

OpenedDatabase open_database(const RocksdbOptions& options) {
  auto made = std::make_unique<Database>();
  const auto cap = options.cap_bytes == 0 ? 0 : std::max(options.cap_bytes, kLeastCap);
  made->cache = make_cache();
  const auto opened = made->open(options.directory, std::make_shared<Meter>(cap, room_for_background(cap) / 2),
                                 database_options(cap), descriptors(made->cache, cap));
  if (!opened) return std::unexpected(opened.error());
  return made;
}

// Marks a fresh database as ours. An error: it is another program's, osquery's for one.
std::expected<void, OpenError> claim(Database& database) {
  constexpr auto kMark = "osprey";
  std::string mark;
  auto* const own = database.handles.back();
  auto status = database.db->Get({}, own, kMark, &mark);
  if (status.IsNotFound() && database.db->GetLatestSequenceNumber() != 0)
    return std::unexpected(open_error(Status::Corruption("it is another program's")));
  if (status.IsNotFound()) status = database.db->Put({}, own, kMark, "1");
  if (!status.ok()) return std::unexpected(open_error(status));
  return {};
}

OpenedDatabase open_claimed(const RocksdbOptions& options) {
  auto database = open_database(options);
  if (!database) return database;
  if (auto claimed = claim(**database); !claimed) return std::unexpected(claimed.error());
  return database;
}

}  // namespace

Result<Opened> open_rocksdb(const RocksdbOptions& options) {
  auto place = TRY(open_place(options.directory, [&] { return open_claimed(options); }));
  Opened opened{.store = {}, .set_aside = std::move(place.set_aside), .reason = std::move(place.reason), .dropped = {}};
  opened.dropped = place.place.prune_set_asides(2, options.cap_bytes, options.free_floor_bytes);
  auto store = std::make_unique<RocksdbStore>(options, std::move(place.place), std::move(place.database));
  // Without room it is tried again at the next start; what is lost meanwhile stays in its file.
  (void)store->join_identity();
  opened.store = std::move(store);
  StoreDirectory::end_opening(options.directory);
  return opened;
}

Result<std::unique_ptr<Store>> open_rocksdb_beside(const std::string& directory) {
  run_rocksdb_constructors();
  auto database =
      TRY(open_secondary(directory, database_options(0), [](const auto& cache) { return descriptors(cache, 0); }));
  return std::make_unique<RocksdbView>(directory, std::move(database));
}

}  // namespace osprey::store
