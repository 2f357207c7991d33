// GroupMonitor: what the worker's group uses and how often it was held back, for osprey_limits; and a soft mark on its
// memory, at which caches are given up before the kernel has to kill.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "agent/limits/limits.h"
#include "agent/limits/worker_group.h"
#include "linux/cgroup/counters.h"

namespace osprey::agent {

// In the worker. Has a thread of its own, which looks once a second: a main loop may be busy just when memory runs out.
// Where the worker is in no group, its own process is looked at instead and nothing but the watcher holds it.
class GroupMonitor {
 public:
  static constexpr unsigned kSoftPercent = 80;  // of the memory limit

  struct Options {
    GroupLimits limits;
    bool watched = true;  // there is a watcher
    // Gives up caches. Called on the monitor's thread when memory that the kernel could not take back by itself passes
    // the mark, and every ten seconds for as long as it stays above. May be empty.
    std::function<void()> shed = {};
    std::chrono::milliseconds period{1000};
  };
  explicit GroupMonitor(Options options);
  ~GroupMonitor();
  GroupMonitor(const GroupMonitor&) = delete;
  GroupMonitor& operator=(const GroupMonitor&) = delete;

  // Any thread. For Limits::add().
  std::vector<Limit> report() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Tracked {
    std::optional<std::int64_t> limit;  // that the kernel holds
    std::optional<std::int64_t> used;
    std::optional<std::int64_t> peak;
    std::int64_t struck = 0;
    std::optional<std::int64_t> last_struck;
    // Takes what was read last; `strikes` is a total.
    void observe(std::optional<std::int64_t> now_used, std::optional<std::int64_t> now_peak,
                 std::optional<std::int64_t> strikes);
  };
  // A total that is shown as a rate.
  struct Rate {
    std::optional<std::int64_t> last;
    std::optional<std::int64_t> per_second(std::optional<std::int64_t> total, std::chrono::duration<double> passed);
  };
  // Where the group has its controllers; absent where the worker is in none.
  struct Places {
    std::optional<linux::CgroupDirectory> accounting;
    std::optional<linux::CgroupDirectory> cpu;
    std::optional<linux::CgroupDirectory> memory;
    std::optional<linux::CgroupDirectory> io;
    std::optional<linux::CgroupDirectory> pids;
  };
  static Places find_places(const Root& root);
  void run(const std::stop_token& stop);
  void sample();
  void sample_cpu(std::chrono::duration<double> passed);
  void sample_memory(Clock::time_point now);

  const Root root_ = Root::host();
  const Options options_;
  const Places places_;
  // The monitor's thread's own.
  Clock::time_point last_sample_;
  Rate cpu_rate_;
  Rate io_rate_;
  std::optional<Clock::time_point> last_shed_;  // while above the mark

  mutable std::mutex mutex_;
  Tracked cpu_, memory_, soft_memory_, io_, processes_;

  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace osprey::agent
