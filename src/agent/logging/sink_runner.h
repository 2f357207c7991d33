// SinkRunners: the sinks at work, each on a thread of its own over its own cursor of the log buffer. Whatever one of
// them does (fail, throw, hang) the others go on.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/config/configuration.h"
#include "agent/logging/log_buffer.h"
#include "agent/logging/sink.h"

namespace osprey::agent {

enum class SinkState : std::uint8_t {
  idle,        // has taken everything
  delivering,  // at work, or hanging, `since`
  delayed,     // waits after a failure
  stopped,
};
std::string_view name_of(SinkState state) noexcept;

// What osprey_sinks shows of a sink.
struct SinkReport {
  std::string name;
  std::string target;
  SinkState state = SinkState::idle;
  std::int64_t since = 0;  // Unix seconds of entering that state
  LogBacklog backlog;
  std::uint64_t delivered_lines = 0;
  std::uint64_t delivered_bytes = 0;
  std::uint64_t failures = 0;
  std::string last_error;
  std::int64_t last_failure = 0;  // Unix seconds, 0: never
  std::int64_t last_success = 0;
  std::chrono::milliseconds delay{0};  // before it is tried again
};

// Splits --logger_plugin.
std::vector<std::string> sinks_of(const Configuration& configuration);

// Thread-safe, but for start() and stop(), which are called once each.
class SinkRunners {
 public:
  // Delays after failures grow from the first to the longest.
  struct Delays {
    std::chrono::milliseconds first = std::chrono::seconds(1);
    std::chrono::milliseconds longest = std::chrono::minutes(1);
  };

  // What the references lead to outlives the runners.
  SinkRunners(LogBuffer& buffer, SinkParts parts, Delays delays);
  SinkRunners(LogBuffer& buffer, SinkParts parts) : SinkRunners(buffer, std::move(parts), Delays{}) {}
  ~SinkRunners();

  // Makes the sinks that the configuration names and sets them to work; an error, and none at work, if one is unknown.
  Result<void> start(const ConfigurationPtr& configuration);
  // The same with sinks made already, by name.
  using Sinks = std::vector<std::pair<std::string, std::unique_ptr<Sink>>>;
  Result<void> start(Sinks sinks, const ConfigurationPtr& configuration);
  void configure(const ConfigurationPtr& configuration);
  std::vector<SinkReport> list() const;

  // Goes on delivering what is queued for up to `patience`, then leaves. A sink that hangs is left behind: false, and
  // the process should end without destroying what sinks may touch.
  bool stop(std::chrono::milliseconds patience = std::chrono::seconds(2));

 private:
  struct Lane;

  LogBuffer& buffer_;
  SinkParts parts_;
  Delays delays_;
  std::vector<std::shared_ptr<Lane>> lanes_;
};

}  // namespace osprey::agent
