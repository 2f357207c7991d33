// YAML as folders have it: with lines for what is wrong, and bounds for what people do not write.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "protocol/config_json.h"

namespace osprey::ctl {

// The roots of its documents; empty ones are left out. Plain scalars are what YAML's core schema takes them for,
// aliases are unfolded. Errors name `path` and a line.
Result<std::vector<protocol::ConfigNode>> read_yaml(const std::string& path, std::string_view text);

}  // namespace osprey::ctl
