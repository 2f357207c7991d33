// docs/reference/schema.json, as it was when this was built: every table of the agent and its columns.
#pragma once

#include <string_view>

namespace osprey::server::queries {

extern const std::string_view kAgentSchema;

}  // namespace osprey::server::queries
