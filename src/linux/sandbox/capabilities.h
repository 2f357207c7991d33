// Giving capabilities(7) away.
#pragma once

#include <functional>
#include <span>
#include <thread>

#include "base/result.h"

namespace osprey::linux {

// From here on this thread, and those that it starts, has no capabilities but `kept` (CAP_*) as far as it has them now,
// nor can it or what it executes gain others: bounding, ambient and inheritable sets are cut as well.
Result<void> keep_only_capabilities(std::span<const int> kept);

// A thread that begins with no capabilities but `kept`, as above, and takes no signals; nor do those that it starts. Of
// its name the kernel keeps 15 bytes.
std::thread thread_with_only(std::span<const int> kept, const char* name, std::function<void()> run);

}  // namespace osprey::linux
