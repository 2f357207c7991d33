// StoreDirectory: the directory that a store lives in. It is ours alone: mode 0700, no link, our own, and locked for as
// long as this object lives. A store that is damaged is set aside as a whole.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "store/identity.h"

namespace osprey::store {

class StoreDirectory {
 public:
  // Makes it where it is not there. EBUSY in the error's code: another process has it.
  static Result<StoreDirectory> lock(std::string path);

  const std::string& path() const noexcept { return path_; }

  // Why the store here is known to be damaged, if it is.
  std::optional<std::string> damage() const;
  // Says so to whoever opens it next; kept over restarts. What cannot be written is let go: the damage will be found
  // again.
  void mark_damaged(std::string_view reason);

  // To be called around what may end the process. Returns how often it has begun and not come to its end, this time not
  // counted.
  std::size_t begin_opening();
  static void end_opening(const std::string& path);

  // Moves all that is here to PATH.damaged-<unix time> and goes on with an empty directory, in which only the identity
  // is kept. Returns where; empty if it could not be moved (the directory is a mount point, its parent cannot be
  // written, there is no room): then the files are removed.
  Result<std::string> set_aside();
  // Stores set aside earlier, oldest first.
  std::vector<std::string> set_asides() const;
  // Removes the oldest of them until at most `most` are left, of at most `most_bytes` together (0: whatever their size;
  // the newest may be larger), and none where the filesystem has less than `free_floor` bytes free. Returns what went.
  std::vector<std::string> prune_set_asides(std::size_t most, std::uint64_t most_bytes, std::uint64_t free_floor);

  // Of the file kept beside the database's own; empty if there is none.
  Identity identity() const;
  // Replaced as a whole, or not at all; survives a power cut.
  Result<void> save_identity(const Identity& identity);

 private:
  StoreDirectory(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  Result<void> write_file(const char* name, std::string_view bytes);
  std::optional<std::string> read_file(const char* name) const;

  std::string path_;
  UniqueFd fd_;  // holds the lock
};

// Bytes free for us on the filesystem of `path`; empty if it cannot be asked.
std::optional<std::uint64_t> free_bytes(const std::string& path);

}  // namespace osprey::store
