// Who listens to which channel, as both databases keep it.
#pragma once

#include <algorithm>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "server/db/database.h"

namespace osprey::server::db {

// Thread-safe. Callbacks are called without a lock held, so that they may listen to more.
class Listeners {
 public:
  void add(std::string channel, Database::OnMessage on_message, std::function<void()> on_gap) {
    std::lock_guard lock(mutex_);
    listeners_.push_back({std::move(channel), std::move(on_message), std::move(on_gap)});
  }
  void tell(const Notification& notification) const {
    for (const Listener& listener : copy())
      if (listener.channel == notification.channel && listener.on_message) listener.on_message(notification.payload);
  }
  void tell_gap() const {
    for (const Listener& listener : copy())
      if (listener.on_gap) listener.on_gap();
  }
  // Each once.
  std::vector<std::string> channels() const {
    std::vector<std::string> names;
    for (const Listener& listener : copy()) names.push_back(listener.channel);
    std::ranges::sort(names);
    names.erase(std::ranges::unique(names).begin(), names.end());
    return names;
  }

 private:
  struct Listener {
    std::string channel;
    Database::OnMessage on_message;
    std::function<void()> on_gap;
  };
  std::vector<Listener> copy() const {
    std::lock_guard lock(mutex_);
    return listeners_;
  }

  mutable std::mutex mutex_;
  std::vector<Listener> listeners_;
};

}  // namespace osprey::server::db
