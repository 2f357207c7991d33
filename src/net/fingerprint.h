// Certificates' fingerprints, which people compare.
#pragma once

#include <string>
#include <string_view>

namespace osprey::net {

// SHA-256 of the first certificate of this PEM, as "AB:CD:…"; empty where there is none.
std::string fingerprint_of(std::string_view pem);

// Whether these are the same, whatever the case and the colons.
bool same_fingerprint(std::string_view a, std::string_view b);

}  // namespace osprey::net
