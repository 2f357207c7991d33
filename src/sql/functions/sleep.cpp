// sleep(seconds): for tests of schedules and limits.
#include <algorithm>
#include <chrono>
#include <limits>
#include <thread>

#include "sql/functions/call.h"

namespace osprey::sql {
namespace {

void sleep(Call& call) {
  using Clock = std::chrono::steady_clock;
  constexpr auto slice = std::chrono::milliseconds(20);
  constexpr std::int64_t longest = std::numeric_limits<std::int32_t>::max();
  const auto seconds = std::clamp<std::int64_t>(call.integer(0), 0, longest);
  const auto end = Clock::now() + std::chrono::seconds(seconds);
  for (auto now = Clock::now(); now < end; now = Clock::now()) {
    if (call.interrupted()) return call.fail_interrupted();
    std::this_thread::sleep_for(std::min<Clock::duration>(slice, end - now));
  }
  call.answer(seconds);
}

}  // namespace

std::span<const Function> sleep_functions() {
  static constexpr Function functions[] = {function<sleep>("sleep", 1, kHost)};
  return functions;
}

}  // namespace osprey::sql
