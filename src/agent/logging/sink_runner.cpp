#include "agent/logging/sink_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <ctime>
#include <exception>
#include <mutex>
#include <random>
#include <thread>

#include "base/text.h"

namespace osprey::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Nothing has to be looked after while there is nothing to deliver.
constexpr auto kIdle = std::chrono::hours(1);

}  // namespace

std::string_view name_of(SinkState state) noexcept {
  switch (state) {
    case SinkState::idle:
      return "idle";
    case SinkState::delivering:
      return "delivering";
    case SinkState::delayed:
      return "delayed";
    case SinkState::stopped:
      return "stopped";
  }
  return "";
}

std::vector<std::string> sinks_of(const Configuration& configuration) {
  std::vector<std::string> names;
  for (const auto part : split(configuration.flags.text("logger_plugin"), ',')) {
    std::string name(trim(part));
    if (!name.empty() && std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  }
  return names;
}

// One sink and its thread, which holds a share of it: a thread that is left behind keeps what it stands on.
struct SinkRunners::Lane {
  Lane(std::string sink_name, std::unique_ptr<Sink> made, LogBuffer& log_buffer, StatusLog& status_log, Delays limits)
      : name(std::move(sink_name)),
        sink(std::move(made)),
        buffer(log_buffer),
        status(status_log),
        delays(limits),
        delay(limits.first) {
    report.name = name;
    report.since = std::time(nullptr);
  }

  void run();
  Result<std::size_t> step();
  void wait_until_due();
  Result<void> reconfigure();
  Sink::Taken deliver(std::span<const LogDelivery> records);
  void count(std::span<const LogDelivery> taken);
  void failed(const Error& error);
  void succeeded();
  void enter(SinkState state);

  const std::string name;
  const std::unique_ptr<Sink> sink;  // the thread's, once there is one
  LogBuffer& buffer;
  StatusLog& status;
  const Delays delays;
  Interrupt interrupt;
  std::thread thread;

  // The thread's.
  milliseconds delay;
  std::uint64_t failures_in_a_row = 0;

  mutable std::mutex mutex;
  std::condition_variable changed;
  SinkReport report;
  ConfigurationPtr configuration;  // to be taken over; null: none
  bool stopping = false;
};

void SinkRunners::Lane::enter(SinkState state) {
  std::lock_guard lock(mutex);
  if (report.state != state) report.since = std::time(nullptr);
  report.state = state;
  changed.notify_all();
}

void SinkRunners::Lane::run() {
  for (;;) {
    bool last = false;
    {
      std::lock_guard lock(mutex);
      last = stopping;
    }
    const auto offered = step();
    if (!offered) failed(offered.error());
    if (last && (!offered || *offered == 0 || interrupt.requested())) break;
  }
  enter(SinkState::stopped);
}

void SinkRunners::Lane::wait_until_due() {
  std::unique_lock lock(mutex);
  changed.wait_until(lock, sink->due(), [&] { return stopping || configuration; });
}

// How many records have left the buffer.
Result<std::size_t> SinkRunners::Lane::step() {
  TRY(reconfigure());
  if (failures_in_a_row == 0) enter(SinkState::idle);
  wait_until_due();
  auto records = TRY(buffer.take(name, sink->most_bytes(), kIdle));
  TRY(reconfigure());
  enter(SinkState::delivering);
  if (records.empty()) return 0;
  const auto offered = records.size();
  const auto end = records.back().next;
  if (!sink->wants_status())
    std::erase_if(records, [](const LogDelivery& one) { return one.record.kind == LineKind::status; });

  const auto mark = sink->mark();
  const auto [taken, error] = deliver(records);
  const auto position = taken == records.size() ? end : taken > 0 ? records[taken - 1].next : LogPosition{};
  TRY(buffer.acknowledge(name, position, sink->mark()));
  count(std::span(records).first(taken));
  if (error) return std::unexpected(*error);
  if (taken == records.size()) {
    succeeded();
    return offered;
  }
  if (taken == 0 && mark == sink->mark() && sink->due() <= steady_clock::now() && !interrupt.requested())
    return failure(name, "it took nothing and did not say why");
  return taken;
}

Result<void> SinkRunners::Lane::reconfigure() {
  ConfigurationPtr next;
  {
    std::lock_guard lock(mutex);
    next = configuration;
  }
  if (!next) return {};
  try {
    TRY(sink->configure(*next));
  } catch (const std::exception& exception) {
    return failure(name, exception.what());
  }
  std::lock_guard lock(mutex);
  if (configuration == next) configuration = nullptr;
  report.target = sink->target();
  return {};
}

Sink::Taken SinkRunners::Lane::deliver(std::span<const LogDelivery> records) {
  if (records.empty()) return {};
  try {
    return sink->deliver(records, interrupt);
  } catch (const std::exception& exception) {
    return {0, Error{0, name, exception.what()}};
  }
}

void SinkRunners::Lane::count(std::span<const LogDelivery> taken) {
  if (taken.empty()) return;
  std::lock_guard lock(mutex);
  for (const auto& [next, record] : taken) {
    report.delivered_lines += record.lines;
    report.delivered_bytes += record.text.size();
  }
  report.last_success = std::time(nullptr);
}

void SinkRunners::Lane::failed(const Error& error) {
  static thread_local std::minstd_rand random{std::random_device{}()};
  const auto text = error.text();
  if (failures_in_a_row++ == 0)
    status.warning(fmt::format("Logger {} failed, its lines wait: {}", name, text));
  else
    delay = std::min(delay * 2, delays.longest);
  // Up to a quarter less, so that a thousand hosts do not come back at once.
  auto wait = delay - milliseconds(random() % (delay.count() / 4 + 1));
  if (const auto now = steady_clock::now(); sink->due() > now)
    wait = std::chrono::ceil<milliseconds>(sink->due() - now);
  enter(SinkState::delayed);
  std::unique_lock lock(mutex);
  ++report.failures;
  report.last_error = text;
  report.last_failure = std::time(nullptr);
  report.delay = wait;
  const auto before = configuration;
  changed.wait_for(lock, wait, [&] { return stopping || configuration != before; });
}

void SinkRunners::Lane::succeeded() {
  if (failures_in_a_row == 0) return;
  status.info(fmt::format("Logger {} works again after {} failures", name, failures_in_a_row));
  failures_in_a_row = 0;
  delay = delays.first;
  std::lock_guard lock(mutex);
  report.delay = {};
}

SinkRunners::SinkRunners(LogBuffer& buffer, SinkParts parts, Delays delays)
    : buffer_(buffer), parts_(std::move(parts)), delays_(delays) {}

SinkRunners::~SinkRunners() { stop(); }

Result<void> SinkRunners::start(const ConfigurationPtr& configuration) {
  Sinks sinks;
  for (auto& name : sinks_of(*configuration)) {
    auto sink = TRY(make_sink(name, parts_));
    sinks.emplace_back(std::move(name), std::move(sink));
  }
  return start(std::move(sinks), configuration);
}

Result<void> SinkRunners::start(Sinks sinks, const ConfigurationPtr& configuration) {
  std::vector<std::string> names;
  for (const auto& [name, sink] : sinks) names.push_back(name);
  TRY(buffer_.set_sinks(names));
  for (auto& [name, sink] : sinks) {
    sink->resume(buffer_.mark(name));
    lanes_.push_back(std::make_shared<Lane>(name, std::move(sink), buffer_, parts_.status, delays_));
    const auto& lane = lanes_.back();
    lane->configuration = configuration;
    lane->thread = std::thread([lane] { lane->run(); });
  }
  return {};
}

void SinkRunners::configure(const ConfigurationPtr& configuration) {
  for (const auto& lane : lanes_) {
    std::lock_guard lock(lane->mutex);
    lane->configuration = configuration;
    lane->changed.notify_all();
  }
}

std::vector<SinkReport> SinkRunners::list() const {
  std::vector<SinkReport> reports;
  for (const auto& lane : lanes_) {
    {
      std::lock_guard lock(lane->mutex);
      reports.push_back(lane->report);
    }
    reports.back().backlog = buffer_.backlog(lane->name);
  }
  return reports;
}

bool SinkRunners::stop(milliseconds patience) {
  const auto begin = steady_clock::now();
  for (const auto& lane : lanes_) {
    std::lock_guard lock(lane->mutex);
    lane->stopping = true;
    lane->changed.notify_all();
  }
  if (!lanes_.empty()) buffer_.stop();
  const auto wait_until = [&](steady_clock::time_point deadline) {
    return std::ranges::all_of(lanes_, [&](const auto& lane) {
      std::unique_lock lock(lane->mutex);
      return lane->changed.wait_until(lock, deadline, [&] { return lane->report.state == SinkState::stopped; });
    });
  };
  wait_until(begin + patience / 2);
  for (const auto& lane : lanes_) lane->interrupt.request();
  const bool all = wait_until(begin + patience);
  for (const auto& lane : lanes_) {
    std::unique_lock lock(lane->mutex);
    const bool done = lane->report.state == SinkState::stopped;
    lock.unlock();
    done ? lane->thread.join() : lane->thread.detach();
  }
  lanes_.clear();
  return all;
}

}  // namespace osprey::agent
