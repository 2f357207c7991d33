#include "events/fanotify/fanotify_events.h"

#include <linux/fanotify.h>

#include <cerrno>

namespace osprey::events {
namespace {

constexpr std::size_t kFilesystemId = 8;
constexpr std::size_t kHandleHead = kFilesystemId + 8;  // and the handle's length and type

template <class T>
bool copy(std::string_view bytes, T& value) noexcept {
  if (bytes.size() < sizeof value) return false;
  bytes.copy(reinterpret_cast<char*>(&value), sizeof value);
  return true;
}

// A handle, and the name behind it.
std::optional<FanotifyEvent::Entry> entry_in(std::string_view body, bool named) noexcept {
  std::uint32_t length = 0;
  if (body.size() < kHandleHead || !copy(body.substr(kFilesystemId), length)) return std::nullopt;
  if (length > body.size() - kHandleHead) return std::nullopt;
  FanotifyEvent::Entry entry;
  entry.directory = body.substr(0, kHandleHead + length);
  if (named) {
    const auto name = body.substr(entry.directory.size());
    const auto end = name.find('\0');
    if (end == std::string_view::npos) return std::nullopt;
    entry.name = name.substr(0, end);
    if (entry.name == ".") entry.name = {};
  }
  return entry;
}

bool read_info(std::string_view info, std::uint8_t type, FanotifyEvent& event) noexcept {
  const auto body = info.substr(sizeof(fanotify_event_info_header));
  switch (type) {
    case FAN_EVENT_INFO_TYPE_PIDFD: {
      std::int32_t pidfd = -1;
      if (!copy(body, pidfd)) return false;
      if (pidfd >= 0) event.pidfd = pidfd;
      return true;
    }
    case FAN_EVENT_INFO_TYPE_FID: {
      const auto entry = entry_in(body, false);
      if (entry) event.object = entry->directory;
      return entry.has_value();
    }
    case FAN_EVENT_INFO_TYPE_DFID:
    case FAN_EVENT_INFO_TYPE_DFID_NAME:
      event.entry = entry_in(body, type == FAN_EVENT_INFO_TYPE_DFID_NAME);
      return event.entry.has_value();
    case FAN_EVENT_INFO_TYPE_OLD_DFID_NAME:
      event.from = entry_in(body, true);
      return event.from.has_value();
    case FAN_EVENT_INFO_TYPE_NEW_DFID_NAME:
      event.to = entry_in(body, true);
      return event.to.has_value();
    default:
      return true;  // a later kernel's
  }
}

}  // namespace

std::uint64_t filesystem_of(FileHandle handle) noexcept {
  std::uint64_t id = 0;
  copy(handle, id);
  return id;
}

Result<FanotifyEvent> take_fanotify_event(std::string_view& bytes) {
  const auto damaged = [&](const char* what) {
    bytes = {};
    return std::unexpected(Error{EBADMSG, "fanotify", what});
  };
  fanotify_event_metadata head{};
  if (!copy(bytes, head)) return damaged("an event is cut off");
  if (head.vers != FANOTIFY_METADATA_VERSION) return damaged("events are of a version that is not known here");
  if (head.event_len > bytes.size() || head.metadata_len < sizeof head || head.event_len < head.metadata_len)
    return damaged("an event is longer or shorter than it can be");
  FanotifyEvent event;
  event.mask = head.mask;
  event.pid = head.pid;
  auto infos = bytes.substr(head.metadata_len, head.event_len - head.metadata_len);
  while (!infos.empty()) {
    fanotify_event_info_header info{};
    if (!copy(infos, info) || info.len < sizeof info || info.len > infos.size())
      return damaged("a part of an event is longer or shorter than it can be");
    if (!read_info(infos.substr(0, info.len), info.info_type, event)) return damaged("a part of an event is cut off");
    infos.remove_prefix(info.len);
  }
  bytes.remove_prefix(head.event_len);
  return event;
}

}  // namespace osprey::events
