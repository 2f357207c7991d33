#include "agent/schedule/repeated_errors.h"

#include <fmt/format.h>

namespace osprey::agent {

std::optional<std::string> RepeatedErrors::add(std::string_view subject, const std::string& error, Tick now) {
  std::lock_guard lock(mutex_);
  const auto known = last_.find(subject);
  if (known == last_.end() || known->second.error != error) {
    if (last_.size() == kCap) last_.clear();
    last_.insert_or_assign(std::string(subject), Last{error, now});
    return error;
  }
  auto& last = known->second;
  ++last.since;
  if (now < last.said + kPause) return std::nullopt;
  last.said = now;
  return fmt::format("{} ({} times since it was said last)", error, std::exchange(last.since, 0));
}

void RepeatedErrors::clear(std::string_view subject) {
  std::lock_guard lock(mutex_);
  if (const auto known = last_.find(subject); known != last_.end()) last_.erase(known);
}

}  // namespace osprey::agent
