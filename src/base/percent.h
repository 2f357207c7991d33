// Percent-encoding (RFC 3986, section 2).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace osprey {

// For a segment or a parameter: every byte but the unreserved characters is encoded.
std::string percent_encoded(std::string_view text);
// None where a percent sign has no two hexadecimal digits behind it.
std::optional<std::string> percent_decoded(std::string_view text);

}  // namespace osprey
