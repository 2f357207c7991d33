#include "events/inotify/inotify_events.h"

#include <sys/inotify.h>

#include <cerrno>
#include <cstring>

namespace osprey::events {

Result<InotifyEvent> take_inotify_event(std::string_view& bytes) {
  inotify_event raw{};
  if (bytes.size() >= sizeof raw) std::memcpy(&raw, bytes.data(), sizeof raw);
  if (bytes.size() < sizeof raw || bytes.size() - sizeof raw < raw.len) {
    bytes = {};
    return std::unexpected(Error{EBADMSG, "inotify", "an event is cut off"});
  }
  const auto name = bytes.substr(sizeof raw, raw.len);
  bytes.remove_prefix(sizeof raw + raw.len);
  return InotifyEvent{raw.wd, raw.mask, raw.cookie, name.substr(0, name.find('\0'))};
}

}  // namespace osprey::events
