#include "events/watch/paced_poll.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace osprey::events {

Result<void> PacedPoll::open(std::chrono::milliseconds interval) {
  interval_ = interval;
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  UniqueFd timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!epoll || !timer) return system_failure("epoll");
  epoll_ = std::move(epoll);
  timer_ = std::move(timer);
  return add(timer_.get());
}

void PacedPoll::close() noexcept {
  paced_.clear();
  timer_.reset();
  epoll_.reset();
}

Result<void> PacedPoll::control(int fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) return {};
  if (errno == EEXIST && ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0) return {};
  return system_failure("epoll");
}

Result<void> PacedPoll::add(int fd) { return control(fd, EPOLLIN); }

Result<void> PacedPoll::add_paced(int fd) {
  if (auto added = control(fd, EPOLLIN | EPOLLONESHOT); !added) return added;
  paced_.push_back(fd);
  return {};
}

void PacedPoll::remove(int fd) noexcept {
  std::erase(paced_, fd);
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void PacedPoll::begin() noexcept {
  // Taking a paced descriptor's event is what puts it to rest.
  std::array<epoll_event, 8> events{};
  [[maybe_unused]] const int ready = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  std::uint64_t expirations = 0;
  [[maybe_unused]] const auto size = ::read(timer_.get(), &expirations, sizeof expirations);
}

void PacedPoll::end(bool anything) noexcept {
  if (anything && interval_.count() > 0) {
    itimerspec time{};
    time.it_value.tv_sec = interval_.count() / 1000;
    time.it_value.tv_nsec = interval_.count() % 1000 * 1'000'000;
    if (::timerfd_settime(timer_.get(), 0, &time, nullptr) == 0) return;
  }
  for (const int fd : paced_) [[maybe_unused]]
    const auto armed = control(fd, EPOLLIN | EPOLLONESHOT);
}

}  // namespace osprey::events
