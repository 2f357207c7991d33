// Whether a file that tells the agent what to do can be changed by others than root and whom the agent runs as.
#pragma once

#include <string>

#include "base/result.h"

namespace osprey::agent {

// `fd` is the open file, `path` its name. An error says who else can write what and the command that ends it.
Result<void> check_unwritable_by_others(int fd, const std::string& path);

}  // namespace osprey::agent
