// A status line of this moment, thread and place in the code.
#pragma once

#include <source_location>
#include <string>
#include <string_view>

#include "protocol/status_line.h"

namespace osprey::agent {

protocol::StatusLine status_line(protocol::Severity severity, std::string_view text,
                                 const std::source_location& place = std::source_location::current());

// The line as standard error has it, its line end included.
std::string log_line(protocol::Severity severity, std::string_view text,
                     const std::source_location& place = std::source_location::current());

}  // namespace osprey::agent
