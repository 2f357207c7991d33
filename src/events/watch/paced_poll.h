// PacedPoll: one descriptor that is readable when there is something to do, but under load only from time to time.
#pragma once

#include <chrono>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace osprey::events {

// The first event after a silence is told at once; those that follow wait until the interval has passed, so that the
// kernel can join them and a reader is not woken for each. Nothing wakes while nothing happens.
class PacedPoll {
 public:
  Result<void> open(std::chrono::milliseconds interval);
  void close() noexcept;
  int descriptor() const noexcept { return epoll_.get(); }

  // Wakes whenever it is readable.
  Result<void> add(int fd);
  // Wakes at the pace.
  Result<void> add_paced(int fd);
  void remove(int fd) noexcept;

  // Around the reading: before it, and after all was read.
  void begin() noexcept;
  void end(bool anything) noexcept;

 private:
  Result<void> control(int fd, std::uint32_t events);

  std::chrono::milliseconds interval_{0};
  UniqueFd epoll_;
  UniqueFd timer_;
  std::vector<int> paced_;
};

}  // namespace osprey::events
