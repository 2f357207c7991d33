// Identity: the few keys that outlive a damaged store (the host's UUIDs, its node key), kept in a small text file of
// their own.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace osprey::store {

// Keys of Family::configuration that begin so belong to it.
inline constexpr std::string_view kIdentityPrefix = "identity.";

using Identity = std::map<std::string, std::string, std::less<>>;

// One line a key: key and value in hexadecimal, and a checksum of both.
std::string format_identity(const Identity& identity);
// The lines that are whole: a damaged one is as if it were not there.
Identity parse_identity(std::string_view text);

}  // namespace osprey::store
