// Pace: how long until the next distributed read, and for how long the server may hold it.
#pragma once

#include <chrono>
#include <functional>
#include <utility>

namespace osprey::agent {

// Belongs to one thread.
//
// Under osquery's name reads are one interval apart, whatever happens. Under our own an interval has jitter, so that a
// fleet spreads, and after failures delays grow. Under either a server that offers to hold a read gets the next one at
// once; one that offers and then answers at once with nothing is polled for an interval.
class Pace {
 public:
  using Jitter = std::function<std::chrono::milliseconds(std::chrono::milliseconds)>;

  Pace(bool compatible, Jitter jitter) : compatible_(compatible), jitter_(std::move(jitter)) {}

  // What the next read may be held for; 0: not at all.
  std::chrono::seconds hold() const;

  struct Round {
    bool failed = false;             // the read, or the write after it
    bool asked = false;              // there were queries
    std::chrono::seconds held{0};    // what the read was allowed to be held
    std::chrono::milliseconds took;  // the read
    std::chrono::seconds offered{0};
  };
  // Until the next read. `interval`: that of polling.
  std::chrono::milliseconds after(const Round& round, std::chrono::seconds interval);

 private:
  std::chrono::milliseconds delay_after_failure(std::chrono::seconds held, std::chrono::seconds interval);

  const bool compatible_;
  Jitter jitter_;
  std::chrono::seconds offered_{0};
  unsigned in_vain_ = 0;  // held reads in a row that came back at once with nothing
  unsigned failures_ = 0;
  std::chrono::milliseconds first_delay_{0};
};

}  // namespace osprey::agent
