// Distributed: the thread that asks the fleet's server for live queries.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "agent/distributed/rounds.h"

namespace osprey::agent {

// Thread-safe. For memory budgets to hold, sql::account_for_memory() comes first in the program.
class Distributed {
 public:
  explicit Distributed(DistributedParts parts) : clock_(parts.clock), rounds_(std::move(parts)) {}
  ~Distributed() { stop(); }
  Distributed(const Distributed&) = delete;
  Distributed& operator=(const Distributed&) = delete;

  // Goes by this configuration from now on. While it says disable_distributed nothing is asked; the first that does not
  // starts the thread.
  void apply(ConfigurationPtr configuration);
  // Ends a query or request that is under way within a moment, and the thread.
  void stop();
  // For SIGUSR1.
  void limit_hit() { rounds_.limit_hit(); }

 private:
  void work();
  bool is_off() const;  // under the lock

  const Clock& clock_;
  DistributedRounds rounds_;
  std::mutex mutex_;  // of all below
  std::condition_variable wake_;
  bool stopping_ = false;
  ConfigurationPtr configuration_;
  std::thread thread_;
};

}  // namespace osprey::agent
