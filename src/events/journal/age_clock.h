// AgeClock: how old rows are by the time that somebody was there to read them, not by what the wall clock says.
#pragma once

#include <cstdint>
#include <vector>

namespace osprey::events {

// The wall clock also goes on while nobody reads: when it is set forward, while the machine sleeps or is stopped from
// outside, while the agent does not run. Rows do not age by that. Belongs to one thread.
class AgeClock {
 public:
  // `last`: the wall clock when rows were written last, by all that is known; `wall`: now; `running`: a clock that goes
  // on evenly while the machine runs (CLOCK_MONOTONIC). In seconds, as below.
  AgeClock(std::int64_t last, std::int64_t wall, std::int64_t running);

  // To be told every few seconds.
  void now(std::int64_t wall, std::int64_t running);
  // The wall clock `age` ago: what was written then is that old.
  std::int64_t before(std::int64_t age) const;

 private:
  struct Gap {
    std::int64_t from, to;  // of the wall clock
  };
  void skip(std::int64_t from, std::int64_t to);

  std::int64_t wall_;
  std::int64_t running_;
  std::vector<Gap> gaps_;  // the oldest first
};

}  // namespace osprey::events
