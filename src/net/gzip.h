// Bodies of messages, compressed.
#pragma once

#include <string>
#include <string_view>

namespace osprey::net {

// RFC 1952.
std::string gzipped(std::string_view text);

}  // namespace osprey::net
