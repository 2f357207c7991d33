// The store on RocksDB.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "store/store.h"

namespace osprey::store {

struct RocksdbOptions {
  std::string directory;  // made with mode 0700 where it is not there
  // Cap on all bytes below the directory, write-ahead log and files being compacted included. 0: none.
  std::uint64_t cap_bytes = 0;
  // Nothing is written while the filesystem has less than this free.
  std::uint64_t free_floor_bytes = 0;
};

struct Opened {
  std::unique_ptr<Store> store;
  // Where a store that could not be read was set aside, and why; empty when all was well.
  std::string set_aside;
  std::string reason;
};

// Opens it for writing. One that is damaged is moved to DIRECTORY.damaged-<unix time> (the newest two are kept) and a
// fresh one made. An error: another process has it, or the directory cannot be used at all.
Result<Opened> open_rocksdb(const RocksdbOptions& options);

// A view of a store that another process may be writing: a read-only secondary. Its scratch files go below a directory
// of ours in /tmp, removed with the view.
Result<std::unique_ptr<Store>> open_rocksdb_beside(const std::string& directory);

}  // namespace osprey::store
