// Pressure: what is given up when the capture costs too much, and when it is taken up again.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/root.h"
#include "events/source.h"

namespace osprey::events {

// Events that may be given up.
struct Sheddable {
  std::string name;  // of their table
  std::size_t kind = 0;
  bool accesses = false;  // of FileEvent: only opens and reads

  bool operator==(const Sheddable&) const = default;
};

struct PressureOptions {
  unsigned cpu_percent = 0;      // of a core that the capture's thread may use; 0: any
  unsigned stall_percent = 60;   // of the time that some program waits for a processor (PSI's avg10)
  std::vector<Sheddable> order;  // given up first is first

  bool operator==(const PressureOptions&) const = default;
};

struct PressureReading {
  double cpu_percent = 0;               // of a core, since the last reading
  std::optional<double> stall_percent;  // the worse of the host's and the control group's
};

// Goes up and down a ladder of two steps for each of what may be given up: on the first its events are thrown away
// when they come, and counted; on the second nobody is asked for them any more.
class Pressure {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kUp{3};     // of pressure, before the next step is given up
  static constexpr std::chrono::seconds kDown{30};  // without, before the last one is taken up again

  explicit Pressure(PressureOptions options) : options_(std::move(options)) {}

  // True: something has changed.
  bool read(Clock::time_point now, const PressureReading& reading);
  // Goes on with others; what both have is not taken up.
  void set(PressureOptions options);

  // Thrown away when it comes.
  bool drops(AnyEvent event) const noexcept;
  // What is still to be asked for.
  Demand relieved(Demand demand) const;
  // "dns_events, socket_events"; empty: nothing is given up.
  std::string shed() const;
  std::string why() const;
  // Whether all that is lost of the kind is counted.
  bool is_counted(std::size_t kind) const noexcept;

 private:
  std::size_t dropped() const noexcept { return (level_ + 1) / 2; }
  std::size_t unasked() const noexcept { return level_ / 2; }

  PressureOptions options_;
  std::size_t level_ = 0;
  std::optional<Clock::time_point> high_since_, low_since_;
  PressureReading last_;
};

// "some avg10=" of a file in PSI's form (Documentation/accounting/psi.rst); empty: it has none.
std::optional<double> parse_stall(std::string_view text);

// Readings of this thread.
class PressureGauge {
 public:
  explicit PressureGauge(Root root);
  PressureReading read(Pressure::Clock::time_point now);

 private:
  Root root_;
  std::string group_;  // file of the own control group; empty: none
  std::int64_t used_ = 0;
  std::optional<Pressure::Clock::time_point> then_;
};

}  // namespace osprey::events
