// What has been asked of the agents' side since the start, for /metrics. Relaxed atomics.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

namespace osprey::server::agents {

enum class Endpoint : std::uint8_t {
  enroll,
  config,
  log,
  distributed_read,
  distributed_write,
  carve_begin,
  carve_block,
};
inline constexpr std::array<std::string_view, 7> kEndpointNames{
    "enroll", "config", "log", "distributed_read", "distributed_write", "carve_begin", "carve_block"};

enum class Outcome : std::uint8_t {
  answered,
  malformed,     // the body is not what it must be
  node_invalid,  // no node key, an unknown one, or one that was revoked
  foreign_key,   // the body's node key is not the header's
  refused,       // a secret, a host or a carve session that may not
  busy,          // too much is waiting, or the database is away: to come again
  failed,        // an error of ours
};
inline constexpr std::array<std::string_view, 7> kOutcomeNames{"answered", "malformed", "node_invalid", "foreign_key",
                                                               "refused",  "busy",      "failed"};

struct Counts {
  using Counter = std::atomic<std::uint64_t>;

  std::array<std::array<Counter, kOutcomeNames.size()>, kEndpointNames.size()> requests{};  // by endpoint, outcome
  Counter key_look_ups{0};       // node keys that memory did not know
  Counter configs_unchanged{0};  // answered by {"etag":"ok"}
  Counter lines{0}, log_bytes{0};
  Counter lines_dropped{0};   // that were no JSON object, or too long
  Counter reads_empty{0};     // nothing to ask, answered at once
  Counter reads_held{0};      // held
  Counter reads_replaced{0};  // held, and answered empty since the host asked anew
  Counter reads_woken{0};     // held, and answered with a query
  Counter queries_sent{0};
  Counter answers{0};
  Counter answers_unknown{0};  // of no source's prefix: dropped

  void count(Endpoint endpoint, Outcome outcome) noexcept {
    requests[static_cast<std::size_t>(endpoint)][static_cast<std::size_t>(outcome)].fetch_add(
        1, std::memory_order_relaxed);
  }
};

}  // namespace osprey::server::agents
