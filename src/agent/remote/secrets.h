// Secrets: the texts that must not be seen in messages and dumps.
#pragma once

#include <deque>
#include <mutex>
#include <string>

namespace osprey::agent {

// Thread-safe.
class Secrets {
 public:
  void add(const std::string& secret);
  // `text` without them, be they escaped as in JSON or not.
  std::string hidden_in(std::string text) const;

 private:
  mutable std::mutex mutex_;
  std::deque<std::string> known_;  // the latest few
};

}  // namespace osprey::agent
