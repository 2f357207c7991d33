// What the processes of a run share: an anonymous mapping that the first process makes and each worker writes its own
// part of.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "fleet/histogram.h"

namespace osprey::fleet {

// A request's kind. `held` are distributed reads that the server may hold: their latency is waiting, not work.
enum class Kind : std::uint8_t { enroll, config, read, held, write, log, carve };
inline constexpr std::array<std::string_view, 7> kKindNames = {"enroll", "config", "read", "held",
                                                               "write",  "log",    "carve"};

enum class Failure : std::uint8_t {
  connect,
  handshake,
  closed,
  timeout,
  http,
  status,
  json,
  error,
  node_invalid,
  shape
};
inline constexpr std::array<std::string_view, 10> kFailureNames = {
    "connect",       // no connection
    "handshake",     // no TLS
    "closed",        // the server closed the connection amid a request
    "timeout",       // no whole answer in time
    "http",          // not HTTP
    "status",        // status 400 and above
    "json",          // the body is not a JSON object
    "error",         // the body has a member "error"
    "node_invalid",  // the server does not know the node key
    "shape",         // a member is missing or of the wrong type
};

enum class Stage : std::uint8_t { starting, enrolling, connecting, running, stopping };

// Written by one process, read by another at any time.
class Counter {
 public:
  void add(std::uint64_t n = 1) noexcept { value_.store(get() + n, std::memory_order_relaxed); }
  void set(std::uint64_t n) noexcept { value_.store(n, std::memory_order_relaxed); }
  std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct Figures {
  struct OfKind {
    Counter answered;  // well or not, but answered
    Counter bytes_out, bytes_in;
    Histogram from_due, from_sent;  // of the requests that went well
    std::array<Counter, kFailureNames.size()> failures;
  };
  std::array<OfKind, kKindNames.size()> kinds;
  Histogram handshakes;
  Counter full_handshakes, resumed_handshakes;
  Counter reconnects;  // kept connections that had gone, made anew without a word, as the agent does
  Counter missed;      // turns left out: the one before took longer than an interval, or there was no node key
  Counter lines_sent, lines_acknowledged;
  Counter queries_answered;
};

struct Sample {
  Kind kind;
  Failure failure;
  std::uint32_t host;
  char text[240];
};

struct WorkerPart {
  std::atomic<Stage> reached{Stage::starting};
  Counter connected;               // links open now
  Counter enrolled;                // hosts enrolled in this run
  Counter unfinished;              // requests without an answer when the run ended
  std::array<Figures, 2> figures;  // while warming up; measured
  std::array<Sample, 16> samples;  // the first failures
  Counter sampled;

  Figures& at(bool measured) noexcept { return figures[measured ? 1 : 0]; }
};

// Times are of CLOCK_REALTIME in seconds: who asked a query by other means compares them with its own.
struct HostRecord {
  std::uint64_t configuration;  // a hash of its etag, or of its text where there is none; 0: none yet
  double configuration_since;
  std::uint64_t query;  // a hash of the last distributed query's id; 0: none yet
  double query_received;
  double query_acknowledged;
  char node_key[128];
};

// Names for the hashes of HostRecord. One a worker.
struct Names {
  struct Name {
    std::uint64_t hash;
    char text[80];
  };
  std::array<Name, 128> names;
  std::atomic<std::uint32_t> count{0};
};

struct Control {
  std::atomic<Stage> stage{Stage::starting};
  // Microseconds of CLOCK_MONOTONIC; set before the stage `running`.
  std::atomic<std::int64_t> start{0}, measure_from{0}, end{0};
};

struct Shared {
  Control* control = nullptr;
  std::span<WorkerPart> workers;
  std::span<Names> names;
  std::span<HostRecord> hosts;
};

}  // namespace osprey::fleet
