#include "agent/watcher/respawn.h"

#include <algorithm>

namespace osprey::agent {
namespace {

// 2 to the power of `n`, without overflow.
std::uint64_t doubled(std::uint64_t n) { return std::uint64_t{1} << std::min<std::uint64_t>(n, 30); }

}  // namespace

std::optional<std::chrono::seconds> Respawn::delay_after(std::chrono::milliseconds lifetime) {
  if (lifetime >= kProven) quick_ = deaths_ = 0;
  ++deaths_;
  std::uint64_t seconds = deaths_ == 1 ? 0 : doubled(deaths_ - 2);
  if (lifetime < limits_.respawn_window) {
    if (++quick_ == limits_.quick_respawns && give_up_) return std::nullopt;
    seconds = limits_.respawn_delay_s + doubled(quick_);
  }
  return std::min(std::chrono::seconds(seconds), longest_);
}

}  // namespace osprey::agent
