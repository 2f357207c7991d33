#include "events/fanotify/fanotify_group.h"

#include <fcntl.h>
#include <linux/fanotify.h>
#include <sys/fanotify.h>

#include <array>
#include <cerrno>
#include <utility>

namespace osprey::events {

Result<FanotifyGroup> fanotify_group(unsigned flags, bool with_targets) {
  constexpr unsigned kBase = FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK;
  constexpr std::array<unsigned, 4> kReports = {FAN_REPORT_DFID_NAME_TARGET | FAN_REPORT_PIDFD,  // 5.17
                                                FAN_REPORT_DFID_NAME | FAN_REPORT_PIDFD,         // 5.15
                                                FAN_REPORT_DFID_NAME | FAN_REPORT_FID, FAN_REPORT_DFID_NAME};
  int code = 0;
  for (const auto report : kReports) {
    const bool targets = (report & FAN_REPORT_TARGET_FID) != 0;
    if (targets && !with_targets) continue;
    UniqueFd fd(::fanotify_init(kBase | flags | report, O_RDONLY | O_LARGEFILE | O_CLOEXEC));
    if (fd) return FanotifyGroup{std::move(fd), targets};
    code = errno;
    if (code != EINVAL) break;
  }
  if (code == EPERM) return std::unexpected(Error{code, "fanotify", "CAP_SYS_ADMIN is needed"});
  if (code == ENOSYS || code == EINVAL)
    return std::unexpected(Error{code, "fanotify", "this kernel does not name files in events (Linux 5.9 does)"});
  return system_failure(code, "fanotify");
}

}  // namespace osprey::events
