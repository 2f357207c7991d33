// A RocksDB database that is open, its errors as ours and what goes wrong behind its back. For the stores on RocksDB.
#pragma once

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/listener.h>

#include <atomic>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/meter.h"
#include "store/rocksdb_tuning.h"
#include "store/store.h"
#include "store/store_directory.h"

namespace osprey::store {

// With the code that the kernel would have given: ENOSPC, EBUSY (locked by another), EBADMSG (damaged), else EIO.
std::unexpected<Error> to_error(const rocksdb::Status& status, std::string subject);

// What went wrong in the background. RocksDB holds it too.
class Trouble final : public rocksdb::EventListener {
 public:
  // RocksDB refuses work until it is told to go on.
  bool stopped() const noexcept { return stopped_.load(std::memory_order_relaxed); }
  void set_stopped(bool stopped) noexcept { stopped_.store(stopped, std::memory_order_relaxed); }
  bool is_damaged() const noexcept { return damaged_.load(std::memory_order_relaxed); }
  std::string damage() const;
  void note(const rocksdb::Status& status);

  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* status) override;
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status status, bool* automatic) override;
  void OnErrorRecoveryCompleted(rocksdb::Status) override { set_stopped(false); }

 private:
  std::atomic<bool> stopped_{false};
  std::atomic<bool> damaged_{false};
  mutable std::mutex mutex_;
  std::string damage_;
};

struct OpenError {
  rocksdb::Status status;
  bool damage;  // what is there cannot be read
};

// An open database and what it needs to live, in the order of their making.
struct Database {
  std::shared_ptr<Meter> meter;
  std::unique_ptr<rocksdb::Env> env;
  std::shared_ptr<Trouble> trouble;
  std::shared_ptr<WarningLogger> warnings;
  std::shared_ptr<rocksdb::Cache> cache;
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;  // in the order of the descriptors

  Database() = default;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database() { close(); }
  void close();

  // Makes all but `cache`, and opens for writing what is in `directory`, its files counted against `meter`.
  std::expected<void, OpenError> open(const std::string& directory, std::shared_ptr<Meter> meter,
                                      rocksdb::DBOptions options,
                                      const std::vector<rocksdb::ColumnFamilyDescriptor>& families);
};

// A database in a directory that is ours alone.
struct OpenedPlace {
  StoreDirectory place;
  std::unique_ptr<Database> database;
  // As in Opened (rocksdb_store.h).
  std::string set_aside;
  std::string reason;
};
// Locks the directory and has `open` open what is in it; where that is damaged it is set aside, and `open` makes a
// fresh one. What may end the process over what it reads goes on until StoreDirectory::end_opening(), which is the
// caller's to call; after an error it has been called.
Result<OpenedPlace> open_place(const std::string& directory,
                               const std::function<std::expected<std::unique_ptr<Database>, OpenError>()>& open);

// Opens for reading what another process may be writing. Scratch files go below a directory of ours in /tmp, which is
// removed. `families` makes the descriptors with a cache.
Result<std::unique_ptr<Database>> open_secondary(
    const std::string& directory, rocksdb::DBOptions options,
    const std::function<std::vector<rocksdb::ColumnFamilyDescriptor>(const std::shared_ptr<rocksdb::Cache>&)>&
        families);

// `status` as what opening came to.
OpenError open_error(const rocksdb::Status& status);

// Runs RocksDB's static constructors, once: its library is linked with them held back.
void run_rocksdb_constructors();

// The logs below `directory` survive a power cut. Not by RocksDB: after a failed write its log may not be synced, which
// it asserts.
Result<void> sync_logs(const std::string& directory);

// Tells `failed` of every status that ends the walk early.
class RocksdbCursor final : public Cursor {
 public:
  RocksdbCursor(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family, std::string_view first, std::string_view last,
                std::function<void(const rocksdb::Status&)> failed);
  bool valid() const override { return iterator_->Valid(); }
  std::string_view key() const override { return iterator_->key().ToStringView(); }
  std::string_view value() const override { return iterator_->value().ToStringView(); }
  void next() override;
  Result<void> status() const override;

 private:
  void check();

  std::string last_;
  rocksdb::Slice upper_;
  std::function<void(const rocksdb::Status&)> failed_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

}  // namespace osprey::store
