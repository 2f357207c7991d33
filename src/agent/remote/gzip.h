// Bodies of requests, compressed.
#pragma once

#include <string>
#include <string_view>

namespace osprey::agent {

// RFC 1952.
std::string gzipped(std::string_view text);

}  // namespace osprey::agent
