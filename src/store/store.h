// Store: the agent's keys and values, in families, with batches that are all there or not at all after any death.
// RocksDB is behind it (rocksdb_store.h), a map in memory for tests and --ephemeral (memory_store.h), and one that
// fails where a test wants it to (failing_store.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace osprey::store {

// Keys of a family are ordered by their bytes. osquery's names for its domains, where it has one (compat section 2.5).
enum class Family : std::uint8_t {
  configuration,  // settings of this host: identity, last good configuration, markers, counters
  queries,        // differential state (agent/differential)
  lines,          // what sinks have not taken yet (agent/logging)
  statistics,     // of queries, for osquery_schedule
  events,         // event journal
  carves,
  distributed,
};
inline constexpr std::size_t kFamilies = 7;
// "configurations", "queries", "logs", "query_performance", "events", "carves", "distributed".
std::string_view name_of(Family family) noexcept;
std::optional<Family> family_named(std::string_view name) noexcept;

// Changes that take effect together.
class Batch {
 public:
  void put(Family family, std::string_view key, std::string_view value);
  void erase(Family family, std::string_view key);
  // Every key at or after `first` and before `last`.
  void erase_range(Family family, std::string_view first, std::string_view last);

  bool empty() const noexcept { return operations_.empty(); }
  // Bytes of keys and values: what a writer watches to cut a long change into several batches.
  std::size_t bytes() const noexcept { return bytes_; }
  void clear() noexcept;

  struct Operation {
    enum class Kind : std::uint8_t { put, erase, erase_range } kind;
    Family family;
    std::string key;
    std::string value;  // of erase_range: the end
  };
  const std::vector<Operation>& operations() const noexcept { return operations_; }

 private:
  std::vector<Operation> operations_;
  std::size_t bytes_ = 0;
};

// Walks keys in order over the family as it was when the cursor was made. Views are valid until next().
class Cursor {
 public:
  virtual ~Cursor() = default;
  virtual bool valid() const = 0;
  virtual std::string_view key() const = 0;
  virtual std::string_view value() const = 0;
  virtual void next() = 0;
  // What ended the walk early, if anything did.
  virtual Result<void> status() const = 0;
};

struct FamilyUsage {
  Family family;
  std::uint64_t keys = 0;        // an estimate
  std::uint64_t live_bytes = 0;  // of what has not been deleted or overwritten, an estimate
  std::uint64_t file_bytes = 0;  // of its files on disk
};

// Why the store refuses to write.
enum class Pressure : std::uint8_t {
  none,
  cap,         // the directory is at its cap
  filesystem,  // the filesystem is full or below its floor of free space
};

// Thread-safe.
class Store {
 public:
  virtual ~Store() = default;

  virtual Result<std::optional<std::string>> get(Family family, std::string_view key) const = 0;
  // From the first key at or after `first` up to, not including, `last`; an empty `last` is the family's end.
  virtual std::unique_ptr<Cursor> cursor(Family family, std::string_view first, std::string_view last) const = 0;

  // All of the batch or nothing, in the order of calls. Survives the death of the process at once and a power cut
  // within a second (sync()). ENOSPC in the error's code: there was no room, by the cap or the filesystem; what only
  // erases is let through.
  virtual Result<void> write(const Batch& batch) = 0;
  // What was written so far survives a power cut too. To be called every second: it also gives back the space of what
  // was erased and goes on after the filesystem was full.
  virtual Result<void> sync() = 0;

  // For a file of the agent's own beside the store's in its directory, about to go from one size to another: counts it
  // against the same cap. ENOSPC as for write(); one that shrinks is always let through.
  virtual Result<void> resize_beside(std::uint64_t from, std::uint64_t to);

  virtual std::vector<FamilyUsage> usage() const = 0;
  // Bytes below the directory now; 0 for a store in memory.
  virtual std::uint64_t disk_bytes() const = 0;
  virtual Pressure pressure() const = 0;
  // What of it could not be read back, once that has been found out: it must be opened anew, which sets it aside.
  virtual std::optional<std::string> damage() const { return std::nullopt; }
  // Rewrites what is on disk without what was erased or overwritten.
  virtual Result<void> compact() { return {}; }
  // Lets go of caches that can be read again: memory is short.
  virtual void shed_caches() = 0;
};

// The first key after all keys that begin with `prefix`; empty if there is none.
std::string prefix_end(std::string_view prefix);
// A whole number as a key part that sorts as the number does: eight bytes, big-endian.
std::string ordered(std::uint64_t number);
std::optional<std::uint64_t> parse_ordered(std::string_view bytes) noexcept;

}  // namespace osprey::store
