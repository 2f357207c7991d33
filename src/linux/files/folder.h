// What configuration folders are read by: the files right below them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/root.h"

namespace osprey::linux {

// Names of what is in `path` other than directories, sorted; links to directories count as what they point to.
Result<std::vector<std::string>> file_names(const Root& root, std::string_view path);

}  // namespace osprey::linux
