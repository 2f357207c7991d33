// What a file that defines a table about the agent includes.
#pragma once

#include "sql/table.h"  // IWYU pragma: export

namespace osprey::agent::tables {
using namespace osprey::sql;  // NOLINT: tables are written in the engine's vocabulary
}
