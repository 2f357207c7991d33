// Base64 (RFC 4648, section 4).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace osprey::sql {

std::string to_base64(std::string_view bytes);
// Line ends are skipped and the padding may be missing. Empty on anything else that is not of the alphabet.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace osprey::sql
