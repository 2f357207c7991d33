// The program `osprey`, also started as osqueryi, ospreyd and osqueryd: from its arguments to its exit status.
#pragma once

#include "sql/registry.h"

namespace osprey::agent::shell {

// The tables are the caller's to register.
int run(int argc, const char* const* argv, sql::Registry& registry);

}  // namespace osprey::agent::shell
