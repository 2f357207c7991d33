// How long those who ask a server that many hosts share wait between two tries.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/interrupt.h"

namespace osprey::agent {

// n² seconds, as osquery waits after n failures.
std::chrono::seconds square_of(std::uint64_t n);
// Half of it to half as much again, so that a thousand hosts do not come back at once.
std::chrono::milliseconds jittered(std::chrono::milliseconds delay);
// False: `stop` was ordered meanwhile.
bool pause(std::chrono::milliseconds delay, const Interrupt& stop);

}  // namespace osprey::agent
