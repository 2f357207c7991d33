// Base64 (RFC 4648, section 4). Written out here because base stands below OpenSSL, whose decoder needs all the checks
// around it anyway.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace osprey {

std::string to_base64(std::string_view bytes);
// The padding may be missing. Empty on anything that is not of the alphabet: blanks and line ends are the caller's to
// take out.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace osprey
