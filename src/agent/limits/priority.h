// Behind everybody else: nice 10 and the idle I/O class.
#pragma once

namespace osprey::agent {

// In a child between fork and exec; what it starts inherits both. Async-signal-safe. (osquery passes the I/O class in
// the place of the priority's level, which asks for nothing.)
void lower_priority() noexcept;

}  // namespace osprey::agent
