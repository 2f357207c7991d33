// From the records of the rings (programs/wire.h) to typed events.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "events/bpf/programs/wire.h"
#include "events/source.h"

namespace osprey::events::bpf {

class Decoder {
 public:
  // What of the demand decides how a record is told: environment, forks, kinds.
  void set(const Demand& demand);

  // Gives what a record says to the sink. False: it is none of ours, and nothing was given.
  bool give(std::span<const std::byte> record, EventSink& sink);
  // Takes the first record off what the iterator over processes wrote; the actor's texts look into it and last until
  // the next call. False: it is cut short.
  bool take_task(std::span<const std::byte>& records, Actor& actor);

  // CLOCK_BOOTTIME of the newest event, nanoseconds.
  std::uint64_t newest() const noexcept { return newest_; }

 private:
  bool exec(std::span<const std::byte> record, EventSink& sink);
  bool fork(std::span<const std::byte> record, EventSink& sink);
  bool exit(std::span<const std::byte> record, EventSink& sink);

  std::vector<std::string> environment_;  // "NAME="
  bool forks_ = false;
  bool exits_ = false;
  std::uint64_t newest_ = 0;
  wire_task task_{};
  // What the views of the event that is being given look into.
  std::string path_, cwd_, cgroup_, cmdline_;
  std::array<std::string, 3> peers_;
};

}  // namespace osprey::events::bpf
