// Inbox: messages of other servers and of transactions, as the database tells them, until the keeper takes them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "server/hosts/messages.h"

namespace osprey::server::hosts {

// Thread-safe; nothing waits but take().
class Inbox {
 public:
  void add(const std::string& payload);
  // Messages were, and all is to be read again.
  void miss();
  // What could not be done when it was told: after a while.
  void again(Message message);
  void close();

  struct Taken {
    std::deque<std::string> payloads;
    std::vector<Message> failed;
    bool missed = false, closed = false;
  };
  // Waits at most until then.
  Taken take(std::chrono::steady_clock::time_point until);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> waiting_;
  std::vector<Message> failed_;
  bool missed_ = false, closed_ = false;
};

}  // namespace osprey::server::hosts
