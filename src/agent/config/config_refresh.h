// ConfigRefresh: the thread that looks at the configuration again: every --config_refresh seconds (after a failure
// every --config_accelerated_refresh), when its files change, and when asked.
#pragma once

#include <chrono>
#include <optional>
#include <thread>

#include "agent/config/config_manager.h"
#include "base/unique_fd.h"

namespace osprey::agent {

struct ConfigRefreshTimes {
  std::chrono::milliseconds period{0};       // 0: never by the clock
  std::chrono::milliseconds accelerated{0};  // the period after a failure
  bool on_change = true;                     // when a file changes
  std::chrono::milliseconds quiet{100};      // after a change nothing may happen for so long
  std::chrono::milliseconds longest{1000};   // but no change waits longer than this
  // The source is a server that many hosts share: the period is a tenth more or less each time; after a failure it is
  // asked again soon, then ever later up to `accelerated`, also where the period is 0.
  bool shared = false;
};
// As the flags have them. Under osquery's names a changed file alone is not looked at, as osquery has it.
ConfigRefreshTimes refresh_times(const Flags& flags, const Program& program);
// From a look to the next by the clock, after so many failures in a row; none: there is no next.
std::optional<std::chrono::milliseconds> delay_to_next(const ConfigRefreshTimes& times, unsigned failures);

class ConfigRefresh {
 public:
  // Starts the thread. `manager` has loaded already and must outlive this.
  ConfigRefresh(ConfigManager& manager, const ConfigRefreshTimes& times);
  // Ends it; takes as long as a fetch does at most.
  ~ConfigRefresh();
  ConfigRefresh(const ConfigRefresh&) = delete;
  ConfigRefresh& operator=(const ConfigRefresh&) = delete;

  // Looks again soon and tells again what is wrong: SIGHUP. From any thread or a signal handler.
  void now() noexcept;

 private:
  void run(const std::stop_token& stop);

  ConfigManager& manager_;
  ConfigRefreshTimes times_;
  UniqueFd wake_;  // eventfd(2)
  std::atomic<bool> asked_{false};
  std::jthread thread_;
};

}  // namespace osprey::agent
