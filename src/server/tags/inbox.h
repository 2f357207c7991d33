// Inbox: what is to be done for the tags, told on any thread, until the worker takes it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "server/hosts/host.h"

namespace osprey::server::tags {

// Thread-safe; nothing waits but take().
class Inbox {
 public:
  struct Work {
    std::vector<std::string> messages;        // of servers
    std::unordered_set<hosts::HostId> hosts;  // that changed
    bool missed = false;                      // messages; the tags are to be read again
    bool sweep = false;                       // conditions are to be held against all hosts
    bool closed = false;
  };
  void message(const std::string& payload);
  void host(hosts::HostId host);
  void miss();
  void sweep();
  void close();
  // Waits at most until then, and a moment longer for more of what there is.
  Work take(std::chrono::steady_clock::time_point until);

 private:
  template <class F>
  void change(const F& how);

  std::mutex mutex_;
  std::condition_variable changed_;
  Work work_;
};

}  // namespace osprey::server::tags
