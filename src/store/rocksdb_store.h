// The store on RocksDB.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/store.h"

namespace osprey::store {

struct RocksdbOptions {
  std::string directory;  // made with mode 0700 where it is not there
  // Cap on all bytes below the directory, write-ahead log and files being compacted included; kLeastCap at least, 0 for
  // none. A part of it (see room_for_background in the .cpp) is held back so that flushes and compactions always fit.
  std::uint64_t cap_bytes = 0;
  // Nothing is written while the filesystem has less than this free.
  std::uint64_t free_floor_bytes = 0;
};
inline constexpr std::uint64_t kLeastCap = 8 << 20;

struct Opened {
  std::unique_ptr<Store> store;
  // Where a store that could not be read was set aside; empty when all was well, or when it could not be kept.
  std::string set_aside;
  // What was wrong, for a status line; empty when all was well. Without set_aside either the old store was removed (its
  // directory could not be moved) or only its last writes were lost, as the text says.
  std::string reason;
  // Older ones that were removed: two are kept, of at most cap_bytes together, and none while the filesystem is below
  // its floor.
  std::vector<std::string> dropped;
};

// Opens it for writing. One that is damaged is moved to DIRECTORY.damaged-<unix time> and a fresh one made, into which
// the keys of Family::configuration that begin with "identity." are restored from a small file of their own. An error:
// the directory cannot be used at all, or (EBUSY) another process has the store; that is worth another try.
//
// Damage that shows only later makes the call that met it return an error with the code EBADMSG; from then on the
// store's damage() says what it is, nothing is written any more, and the next open_rocksdb() sets it aside. So a worker
// whose store says damage() ends, and its next start goes on with a fresh one.
Result<Opened> open_rocksdb(const RocksdbOptions& options);

// A view of a store that another process may be writing: a read-only secondary. Its scratch files go below a directory
// of ours in /tmp, removed with the view. Writing to it is an error (EROFS).
Result<std::unique_ptr<Store>> open_rocksdb_beside(const std::string& directory);

}  // namespace osprey::store
