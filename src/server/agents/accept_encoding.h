// Accept-Encoding (RFC 9110, 12.5.3), as far as gzip is concerned.
#pragma once

#include <string_view>

namespace osprey::server::agents {

// It is named, or everything is by "*", and its weight is not 0.
bool accepts_gzip(std::string_view accept_encoding) noexcept;

}  // namespace osprey::server::agents
