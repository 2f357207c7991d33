// Extended attributes of files: xattr(7).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/root.h"

namespace osprey::linux {

// The names on what `path` leads to, in byte order; none where the filesystem has no attributes.
Result<std::vector<std::string>> list_attributes(const Root& root, std::string_view path);
// One value, raw: at most the kernel's 64 KiB. An attribute that is not there is an absent() error.
Result<std::string> read_attribute(const Root& root, std::string_view path, std::string_view name);

}  // namespace osprey::linux
