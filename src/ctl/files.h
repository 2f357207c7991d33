// Files of the user's, whole.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace osprey::ctl {

inline constexpr std::size_t kMostFileBytes = 64 << 20;

// "-" is standard input.
Result<std::string> read_file(const std::string& path);
// In one step: whoever reads it sees the old text or the new.
Result<void> write_file(const std::string& path, std::string_view text, mode_t mode = 0644);

}  // namespace osprey::ctl
