// The process events connector's messages (linux/cn_proc.h, linux/connector.h; drivers/connector/cn_proc.c).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace osprey::events {

struct ConnectorEvent {
  enum class Kind : std::uint8_t { answer, fork, exec, uid, gid, exit, other };
  Kind kind = Kind::other;
  std::uint32_t sequence = 0;  // counts all events of that processor
  std::uint32_t processor = 0;
  std::uint64_t moment = 0;  // nanoseconds since boot, without those in which it slept (CLOCK_MONOTONIC)
  std::int64_t tid = 0;      // whom it is about; at a fork the new one
  std::int64_t pid = 0;
  std::int64_t parent_pid = 0;  // fork: the parent, as the kernel has it after the fork
  std::uint32_t id = 0;         // uid, gid: the real one
  std::uint32_t effective_id = 0;
  std::uint32_t exit_code = 0;  // exit: as wait(2) has it
  std::uint32_t error = 0;      // answer: an errno
};

// Cuts a netlink message off the front of `rest`; empty at the end, and where the rest is no such message.
std::optional<ConnectorEvent> take_connector_event(std::string_view& rest) noexcept;

// The request to be told of events, or of none any more.
std::string connector_request(bool listen);

}  // namespace osprey::events
