// Status log lines in osquery's form, which is that of glog: "W1122 06:41:58.141716  3049 shell.cpp:12] text".
#pragma once

#include <source_location>
#include <string>
#include <string_view>

namespace osprey::agent {

enum class Level : char { info = 'I', warning = 'W', error = 'E' };

// The line, its end included. Time is UTC; the place is the caller's.
std::string log_line(Level level, std::string_view text,
                     const std::source_location& place = std::source_location::current());

}  // namespace osprey::agent
