// Interrupt: the order to stop, shared by a query and all the long reads below it.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>

namespace osprey {

// Asked inside every loop that may be long: between rows, blocks of a file, entries of a directory.
// request() may be called from a signal handler or another thread; the rest belongs to the querying thread.
class Interrupt {
 public:
  using Clock = std::chrono::steady_clock;

  Interrupt() = default;
  explicit Interrupt(Clock::time_point deadline) : deadline_(deadline) {}

  void request() noexcept { requested_.store(true, std::memory_order_relaxed); }
  // Before the next query: forgets a request and sets that query's deadline, if it has one.
  void reset(std::optional<Clock::time_point> deadline) noexcept {
    requested_.store(false, std::memory_order_relaxed);
    deadline_ = deadline;
  }

  bool requested() const noexcept { return cancelled() || past_deadline(); }
  bool cancelled() const noexcept { return requested_.load(std::memory_order_relaxed); }
  bool past_deadline() const noexcept { return deadline_ && Clock::now() >= *deadline_; }

  // For callers that nothing interrupts.
  static const Interrupt& never() noexcept {
    static const Interrupt none;
    return none;
  }

 private:
  std::atomic<bool> requested_{false};
  static_assert(std::atomic<bool>::is_always_lock_free);
  std::optional<Clock::time_point> deadline_;
};

}  // namespace osprey
