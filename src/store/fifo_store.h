// FifoStore: rows that are only ever appended, in families that drop their oldest when they are too many bytes or too
// old. On RocksDB, a family of FIFO compaction each: whole files go, nothing is rewritten but many small ones into one.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/store.h"

namespace osprey::store {

struct FifoFamily {
  std::string name;
  // Of its files; once they are more, the oldest goes. No less than kLeastFamily counts.
  std::uint64_t cap_bytes = 64 << 20;
};
inline constexpr std::uint64_t kLeastFamily = 1 << 20;
// What the directory may hold beside the families' files: the log and what is being written.
inline constexpr std::uint64_t kFifoOverhead = 32 << 20;

struct FifoOptions {
  std::string directory;  // made with mode 0700 where it is not there
  // What is there of other families is removed.
  std::vector<FifoFamily> families;
};

// A row to be appended. Keys ascend within a family, from call to call as well.
struct FifoRow {
  std::size_t family;  // by its place in the options
  std::string_view key;
  std::string_view value;
};

// Thread-safe; one writer at a time for the keys to ascend.
class FifoStore {
 public:
  virtual ~FifoStore() = default;

  // All of them or none. Survives the death of the process at once and a power cut within a second (sync()). ENOSPC in
  // the error's code: the filesystem is full.
  virtual Result<void> write(std::span<const FifoRow> rows) = 0;
  virtual Result<void> sync() = 0;

  // As Store::cursor().
  virtual std::unique_ptr<Cursor> cursor(std::size_t family, std::string_view first, std::string_view last) const = 0;
  virtual std::optional<std::string> first_key(std::size_t family) const = 0;
  // The last that was ever written, also where its row has gone.
  virtual std::optional<std::string> last_key(std::size_t family) const = 0;

  // Files of the family go, the oldest first, while `goes` says so of their last key. One that is being joined with
  // others stays until the next call.
  using Goes = std::function<bool(std::string_view last_key)>;
  virtual Result<void> drop_while(std::size_t family, const Goes& goes) = 0;
  // As FifoFamily::cap_bytes, from now on.
  virtual Result<void> set_cap(std::size_t family, std::uint64_t bytes) = 0;

  virtual std::uint64_t file_bytes(std::size_t family) const = 0;
  // Bytes below the directory now.
  virtual std::uint64_t disk_bytes() const = 0;
  // What of it could not be read back, once that has been found out: opened anew it is set aside.
  virtual std::optional<std::string> damage() const = 0;
};

struct OpenedFifo {
  std::unique_ptr<FifoStore> store;
  // As in Opened (rocksdb_store.h).
  std::string set_aside;
  std::string reason;
};

// EBUSY in the error's code: another process has it.
Result<OpenedFifo> open_fifo(const FifoOptions& options);
// A view of one that another process may be writing; as open_rocksdb_beside(). Families that are not there are empty.
Result<std::unique_ptr<FifoStore>> open_fifo_beside(const FifoOptions& options);

}  // namespace osprey::store
