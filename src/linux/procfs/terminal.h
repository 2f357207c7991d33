// Names of terminals by device number, as ps shows them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace osprey::linux {

// The name below /dev ("pts/3", "tty1") of a terminal, given as /proc/PID/stat packs device numbers. Majors and minors
// are those of the kernel's devices.txt; empty for 0, no terminal, and for majors that are given out at run time.
std::optional<std::string> terminal_name(std::uint32_t device);

}  // namespace osprey::linux
