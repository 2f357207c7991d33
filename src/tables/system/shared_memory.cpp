#include <fmt/format.h>

#include "linux/procfs/sysvipc_shm.h"
#include "tables/entries_of.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

using linux::SharedMemorySegment;

Rows<SharedMemorySegment> scan(const Scan& scan) {
  for (auto& segment : entries_of(scan, "/proc/sysvipc/shm", linux::parse_sysvipc_shm)) co_yield segment;
}

bool has_flag(const SharedMemorySegment& segment, std::uint32_t flag) { return (segment.permissions & flag) != 0; }

}  // namespace

Table shared_memory() {
  return table("shared_memory", "System V shared memory segments of the agent's IPC namespace.", scan)
      .column("shmid", INTEGER, &SharedMemorySegment::id, "Id of the segment.")
      .column("owner_uid", BIGINT, &SharedMemorySegment::owner_uid, "User who owns it.")
      .column("creator_uid", BIGINT, &SharedMemorySegment::creator_uid, "User who made it.")
      .column("pid", BIGINT, &SharedMemorySegment::last_pid, "Process that attached or detached last.")
      .column("creator_pid", BIGINT, &SharedMemorySegment::creator_pid, "Process that made it.")
      .column("atime", BIGINT, &SharedMemorySegment::attach_time,
              "When it was last attached, Unix seconds; 0 if never.")
      .column("dtime", BIGINT, &SharedMemorySegment::detach_time,
              "When it was last detached, Unix seconds; 0 if never.")
      .column("ctime", BIGINT, &SharedMemorySegment::change_time,
              "When it was made or its rights changed, Unix seconds.")
      .column(
          "permissions", TEXT,
          [](const SharedMemorySegment& s) { return fmt::format("{:04o}", s.permissions & 07777); },
          "Mode bits, four octal digits.")
      .column("size", BIGINT, &SharedMemorySegment::size, "Size in bytes.")
      .column("attached", INTEGER, &SharedMemorySegment::attached, "How many times it is attached now.")
      .column(
          "status", TEXT,
          [](const SharedMemorySegment& s) -> std::string_view {
            return has_flag(s, SharedMemorySegment::kDestroyedOnDetach) ? "dest" : "";
          },
          "dest: it goes away with the last process that has it attached.")
      .column(
          "locked", INTEGER, [](const SharedMemorySegment& s) { return has_flag(s, SharedMemorySegment::kLocked); },
          "1 if it is locked into memory.")
      .example("SELECT shmid, owner_uid, size FROM shared_memory WHERE attached = 0");
}

}  // namespace osprey::tables
