#include "events/capture/pressure.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>

#include "base/clock_reading.h"
#include "base/text.h"

namespace osprey::events {
namespace {

bool is_access(AnyEvent event) noexcept {
  const auto* const* file = std::get_if<FileEvent*>(&event);
  return file && ((*file)->action == FileAction::opened || (*file)->action == FileAction::accessed ||
                  (*file)->action == FileAction::opened_for_writing);
}

}  // namespace

bool Pressure::read(Clock::time_point now, const PressureReading& reading) {
  last_ = reading;
  if (options_.cpu_percent == 0) return false;
  const double budget = options_.cpu_percent;
  // A host that waits is not helped by who hardly uses anything.
  const bool stalls = reading.stall_percent && *reading.stall_percent > options_.stall_percent;
  const bool high = reading.cpu_percent > budget || (stalls && reading.cpu_percent > budget / 4);
  const bool low = reading.cpu_percent < budget / 2 && !stalls;
  const auto since = [&](std::optional<Clock::time_point>& begin, bool holds) {
    if (!holds)
      begin.reset();
    else if (!begin)
      begin = now;
    return begin ? now - *begin : Clock::duration::zero();
  };
  const auto was_high = since(high_since_, high);
  const auto was_low = since(low_since_, low);
  if (was_high >= kUp && level_ < 2 * options_.order.size()) {
    ++level_;
    high_since_ = now;
    return true;
  }
  if (was_low >= kDown && level_ > 0) {
    --level_;
    low_since_ = now;
    return true;
  }
  return false;
}

void Pressure::set(PressureOptions options) {
  if (options == options_) return;
  const bool same_order = options.order == options_.order && options.cpu_percent > 0;
  options_ = std::move(options);
  if (!same_order) level_ = 0;
  high_since_.reset();
  low_since_.reset();
}

bool Pressure::drops(AnyEvent event) const noexcept {
  for (std::size_t i = 0; i < dropped(); ++i) {
    const auto& one = options_.order[i];
    if (one.kind == event.index() && (!one.accesses || is_access(event))) return true;
  }
  return false;
}

Demand Pressure::relieved(Demand demand) const {
  for (std::size_t i = 0; i < unasked(); ++i) {
    const auto& one = options_.order[i];
    if (!one.accesses)
      demand.kinds.reset(one.kind);
    else
      for (auto& watched : demand.watched) watched.accesses = false;
  }
  return demand;
}

std::string Pressure::shed() const {
  std::string names;
  for (std::size_t i = 0; i < dropped(); ++i)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", options_.order[i].name);
  return names;
}

std::string Pressure::why() const {
  auto text = fmt::format("the capture uses {:.0f} % of a core of {} %", last_.cpu_percent, options_.cpu_percent);
  if (last_.stall_percent) text += fmt::format(", programs wait {:.0f} % of the time", *last_.stall_percent);
  return text;
}

bool Pressure::is_counted(std::size_t kind) const noexcept {
  for (std::size_t i = 0; i < unasked(); ++i)
    if (options_.order[i].kind == kind) return false;
  return true;
}

std::optional<double> parse_stall(std::string_view text) {
  for (const auto line : Lines(text)) {
    if (!line.starts_with("some ")) continue;
    for (const auto word : fields(line))
      if (word.starts_with("avg10=")) return parse_double(word.substr(6));
  }
  return std::nullopt;
}

PressureGauge::PressureGauge(Root root) : root_(std::move(root)) {
  // Of the second version: the first has none.
  const auto groups = root_.read("/proc/self/cgroup");
  if (!groups) return;
  for (const auto line : Lines(groups->bytes))
    if (line.starts_with("0::/")) group_ = fmt::format("/sys/fs/cgroup{}/cpu.pressure", line.substr(3));
}

PressureReading PressureGauge::read(Pressure::Clock::time_point now) {
  PressureReading reading;
  const auto used = clock_nanoseconds(CLOCK_THREAD_CPUTIME_ID);
  if (then_ && now > *then_) {
    const auto passed = std::chrono::duration<double, std::nano>(now - *then_).count();
    reading.cpu_percent = static_cast<double>(used - used_) / passed * 100;
  }
  used_ = used;
  then_ = now;
  for (const std::string& path : {std::string("/proc/pressure/cpu"), group_}) {
    if (path.empty()) continue;
    const auto text = root_.read(path);
    const auto stall = text ? parse_stall(text->bytes) : std::nullopt;
    if (stall) reading.stall_percent = std::max(reading.stall_percent.value_or(0), *stall);
  }
  return reading;
}

}  // namespace osprey::events
