#include "events/inotify/inotify_watches.h"

#include <fmt/format.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "events/inotify/inotify_events.h"

namespace osprey::events {
namespace {

constexpr std::size_t kBuffer = 256 << 10;

}  // namespace

Result<void> InotifyWatches::open() {
  UniqueFd made(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!made) return system_failure(errno == EMFILE ? "inotify (see fs.inotify.max_user_instances)" : "inotify");
  inotify_ = std::move(made);
  buffer_.resize(kBuffer);
  return {};
}

void InotifyWatches::close() noexcept {
  events_.clear();
  inotify_.reset();
}

int InotifyWatches::add(int fd, std::uint32_t mask) {
  std::array<char, 32> path{};
  *fmt::format_to_n(path.data(), path.size() - 1, "/proc/self/fd/{}", fd).out = '\0';
  return ::inotify_add_watch(inotify_.get(), path.data(), mask | IN_MASK_ADD);
}

void InotifyWatches::remove(int watch, const std::string&) { ::inotify_rm_watch(inotify_.get(), watch); }

Result<std::span<const DirectoryEvent>> InotifyWatches::read() {
  events_.clear();
  const auto size = ::read(inotify_.get(), buffer_.data(), buffer_.size());
  if (size < 0 && errno != EAGAIN && errno != EINTR) return system_failure("inotify");
  std::string_view unread(buffer_.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  while (!unread.empty()) {
    const auto event = take_inotify_event(unread);
    if (!event) return std::unexpected(event.error());
    events_.push_back({event->watch, event->mask, event->cookie, event->name, {}, false});
  }
  return events_;
}

}  // namespace osprey::events
