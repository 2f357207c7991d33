#include "events/kinds/file_state.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace osprey::events {

FileState file_state_of(const struct statx& facts) noexcept {
  FileState state;
  state.mode = facts.stx_mode;
  state.uid = facts.stx_uid;
  state.gid = facts.stx_gid;
  state.size = static_cast<std::int64_t>(facts.stx_size);
  state.atime = facts.stx_atime.tv_sec;
  state.mtime = facts.stx_mtime.tv_sec;
  state.ctime = facts.stx_ctime.tv_sec;
  state.inode = facts.stx_ino;
  state.device = makedev(facts.stx_dev_major, facts.stx_dev_minor);
  return state;
}

}  // namespace osprey::events
