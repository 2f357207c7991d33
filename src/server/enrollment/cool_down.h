// CoolDown: who tries again and again waits longer and longer. Thread-safe, in memory, bounded.
#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "server/time.h"

namespace osprey::server::enrollment {

class CoolDown {
 public:
  // The first `free` attempts cost nothing, the next a second, and each further one twice that.
  CoolDown(unsigned free, std::chrono::seconds longest) : free_(free), longest_(longest) {}

  // What is left to wait; 0: may try.
  std::chrono::seconds left(std::string_view who, Timestamp now) const;
  // Counts an attempt and tells how many there have been. They are forgotten after an hour without one.
  unsigned count(std::string_view who, Timestamp now);

 private:
  static constexpr std::size_t kMost = 65'536;
  static constexpr std::int64_t kForgottenMs = 3'600'000;
  struct Attempts {
    unsigned count = 0;
    Timestamp last;
    Timestamp until;
  };
  void make_room(Timestamp now);

  const unsigned free_;
  const std::chrono::seconds longest_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Attempts> by_who_;
};

}  // namespace osprey::server::enrollment
