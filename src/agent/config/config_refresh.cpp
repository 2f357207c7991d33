#include "agent/config/config_refresh.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <optional>

#include "agent/config/file_watch.h"
#include "agent/remote/delays.h"

namespace osprey::agent {
namespace {

using Clock = std::chrono::steady_clock;
using Moment = std::optional<Clock::time_point>;
using std::chrono::milliseconds;

constexpr int kMostLooks = 3;  // at one change, while what is to be watched changes too

// For poll(2): until the earlier of two moments, rounded up; -1 for neither.
int wait_for(const Moment& a, const Moment& b) {
  if (!a && !b) return -1;
  const auto first = !b || (a && *a < *b) ? *a : *b;
  const auto left = std::chrono::ceil<milliseconds>(first - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
}

Moment after(const std::optional<milliseconds>& delay) { return delay ? Moment(Clock::now() + *delay) : std::nullopt; }

}  // namespace

ConfigRefreshTimes refresh_times(const Flags& flags, const Program& program) {
  const auto seconds = [&](FlagName name) {
    constexpr std::int64_t kLongest = 10LL * 365 * 86'400;
    return std::chrono::seconds(std::clamp<std::int64_t>(flags.number(name), 0, kLongest));
  };
  return {.period = seconds("config_refresh"),
          .accelerated = seconds("config_accelerated_refresh"),
          .on_change = !program.osquery_compatible,
          .shared = !program.osquery_compatible && flags.text("config_plugin") == "tls"};
}

std::optional<milliseconds> delay_to_next(const ConfigRefreshTimes& times, unsigned failures) {
  constexpr milliseconds kSoon = std::chrono::seconds(4);
  constexpr unsigned kMostDoublings = 20;
  if (times.period.count() == 0 && (failures == 0 || !times.shared)) return std::nullopt;
  auto delay = failures == 0 ? times.period : times.accelerated;
  if (times.shared && failures == 0) {
    delay += jittered(delay) / 5 - delay / 5;
  } else if (times.shared) {
    const auto longest = delay.count() > 0 ? delay : kSoon;
    delay = jittered(std::min(kSoon * (1U << std::min(failures - 1, kMostDoublings)), longest));
  }
  return std::max(delay, milliseconds(1));
}

ConfigRefresh::ConfigRefresh(ConfigManager& manager, const ConfigRefreshTimes& times)
    : manager_(manager),
      times_(times),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

ConfigRefresh::~ConfigRefresh() {
  thread_.request_stop();
  ::eventfd_write(wake_.get(), 1);
}

void ConfigRefresh::now() noexcept {
  asked_.store(true);
  ::eventfd_write(wake_.get(), 1);
}

void ConfigRefresh::run(const std::stop_token& stop) {
  FileWatch watch;
  Moment due;                                                               // by the clock
  Moment settling;                                                          // a change is to be looked at then
  Moment changed;                                                           // when the first of it was seen
  unsigned failures = times_.shared && !manager_.current()->valid ? 1 : 0;  // in a row
  const auto look = [&](bool told_again) {
    bool good = true;
    for (int looks = 0; looks < kMostLooks; ++looks) {
      good = manager_.refresh(told_again && looks == 0).has_value();
      if (!times_.on_change || !watch.set(manager_.watched())) break;
    }
    settling = changed = std::nullopt;
    failures = good ? 0 : failures + 1;
    due = after(delay_to_next(times_, failures));
  };
  // What has changed since load() is seen at once; the clock's first look comes after a period.
  if (times_.on_change && watch.set(manager_.watched())) look(false);
  due = after(delay_to_next(times_, failures));

  while (!stop.stop_requested()) {
    std::array<pollfd, 2> waited{pollfd{wake_.get(), POLLIN, 0}, pollfd{watch.fd(), POLLIN, 0}};
    ::poll(waited.data(), waited.size(), wait_for(due, settling));
    const auto now = Clock::now();
    eventfd_t count = 0;
    ::eventfd_read(wake_.get(), &count);
    if (stop.stop_requested()) return;
    if (waited[1].revents != 0 && watch.drain()) {
      if (!changed) changed = now;
      settling = std::min(now + times_.quiet, *changed + times_.longest);
    }
    if (asked_.exchange(false))
      look(true);
    else if ((settling && now >= *settling) || (due && now >= *due))
      look(false);
  }
}

}  // namespace osprey::agent
