// What a file that defines a table includes.
#pragma once

#include "sql/table.h"  // IWYU pragma: export

namespace osprey::tables {
using namespace osprey::sql;  // NOLINT: tables are written in the engine's vocabulary
}
