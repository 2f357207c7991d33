// FileState: what an event tells of a file.
#pragma once

#include <cstdint>
#include <optional>

struct statx;

namespace osprey::events {

// A file as it was when the event happened: device and inode say which, times are Unix seconds.
struct FileState {
  std::optional<std::uint32_t> mode, uid, gid;
  std::optional<std::int64_t> size, atime, mtime, ctime;
  std::optional<std::uint64_t> inode, device;  // device: makedev(3)

  template <class Archive>
  void fields(Archive& field) {
    field(mode)(uid)(gid)(size)(atime)(mtime)(ctime)(inode)(device);
  }
};

// What statx(2) told; `facts` has STATX_BASIC_STATS.
FileState file_state_of(const struct statx& facts) noexcept;

}  // namespace osprey::events
