// /proc/sysvipc/shm (proc_sysvipc(5)): the System V shared memory segments of the reader's IPC namespace.
#pragma once

#include <cstdint>
#include <string_view>

#include "linux/files/parsed.h"

namespace osprey::linux {

struct SharedMemorySegment {
  std::int64_t id = 0;
  std::uint32_t permissions = 0;  // mode bits, with SHM_DEST and SHM_LOCKED among them (shmctl(2))
  std::int64_t size = 0;          // bytes
  std::int64_t creator_pid = 0;
  std::int64_t last_pid = 0;
  std::int64_t attached = 0;
  std::int64_t owner_uid = 0;
  std::int64_t creator_uid = 0;
  std::int64_t attach_time = 0;  // Unix seconds, 0 if never; so the two below
  std::int64_t detach_time = 0;
  std::int64_t change_time = 0;

  static constexpr std::uint32_t kDestroyedOnDetach = 01000;  // SHM_DEST
  static constexpr std::uint32_t kLocked = 02000;             // SHM_LOCKED
};

// Columns are found by the names in the file's first line.
Parsed<SharedMemorySegment> parse_sysvipc_shm(std::string_view text);

}  // namespace osprey::linux
