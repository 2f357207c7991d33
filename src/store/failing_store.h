// A store that dies or refuses at the nth write: what tests of crash safety are made of.
#pragma once

#include <functional>
#include <memory>

#include "store/store.h"

namespace osprey::store {

// Thrown at a death: unwinds the code under test as a kill would end it, nothing after it runs.
struct Death {};

// Passes everything to `beneath`. Before and after each write() it asks `at`, which returns what is to happen there.
enum class Fault : std::uint8_t { none, die, no_space, failure };
struct FaultPoint {
  std::uint64_t number;  // counts up from 0 over the store's life
  bool after;            // the write has taken effect
};
std::unique_ptr<Store> failing_store(std::shared_ptr<Store> beneath, std::function<Fault(FaultPoint)> at);

}  // namespace osprey::store
