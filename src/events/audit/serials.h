// Which serial numbers of events have come, so that those that never came can be counted.
#pragma once

#include <bitset>
#include <cstdint>

namespace osprey::events::audit {

// Events come mixed: a number counts as missing when it is kWindow behind the newest.
class Serials {
 public:
  static constexpr std::uint64_t kWindow = 16384;

  void see(std::uint64_t serial) noexcept;
  std::uint64_t missing() const noexcept { return missing_; }
  // What is missing until now is not counted: the numbers begin anew.
  void restart() noexcept { any_ = false; }

 private:
  std::bitset<kWindow> seen_;
  bool any_ = false;
  std::uint64_t first_ = 0, newest_ = 0;
  std::uint64_t missing_ = 0;
};

}  // namespace osprey::events::audit
