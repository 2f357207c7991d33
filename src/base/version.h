// The version of this program, as in "0.1.0".
#pragma once

#include <string_view>

namespace osprey {

std::string_view version() noexcept;

}  // namespace osprey
