// Unified difference of two texts, as diff -u tells it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace osprey::ctl {

// Lines with their sign and without line ends: "@@ -1,4 +1,5 @@", " same", "-gone", "+new". Empty: they are the same.
std::vector<std::string> unified_diff(std::string_view before, std::string_view after);

}  // namespace osprey::ctl
