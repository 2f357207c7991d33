// Giving capabilities(7) away.
#pragma once

#include <span>

#include "base/result.h"

namespace osprey::linux {

// From here on this thread, and those that it starts, has no capabilities but `kept` (CAP_*) as far as it has them now,
// nor can it or what it executes gain others: bounding, ambient and inheritable sets are cut as well.
Result<void> keep_only_capabilities(std::span<const int> kept);

}  // namespace osprey::linux
