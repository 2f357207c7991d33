// /proc/meminfo (proc_meminfo(5)).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace osprey::linux {

// By name ("MemTotal"): bytes where the file says kB, the bare number where it says no unit (huge pages).
// Lines that are not "Name: number [kB]" are left out.
std::map<std::string, std::int64_t, std::less<>> parse_meminfo(std::string_view text);

}  // namespace osprey::linux
