// Reading hexadecimal digits; hex() of base/text.h writes them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace osprey {

// The bytes of the digits, of either case; nothing where it is anything else.
std::optional<std::string> from_hex(std::string_view digits);

}  // namespace osprey
