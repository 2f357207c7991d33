// A group of fanotify(7) that names the files of its events.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"

namespace osprey::events {

struct FanotifyGroup {
  UniqueFd fd;
  bool names_targets = false;  // events say which file it was, and renames are one event (5.17)
};

// Needs CAP_SYS_ADMIN and Linux 5.9. `flags`: of fanotify_init(2), besides what makes it non-blocking and naming.
Result<FanotifyGroup> fanotify_group(unsigned flags, bool with_targets);

}  // namespace osprey::events
