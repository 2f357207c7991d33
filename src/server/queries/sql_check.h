// Whether a query can run at all: held against the schema of the agents' tables before it leaves the server.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace osprey::server::queries {

struct Checked {
  std::vector<std::string> columns;  // of the answer, in order
  std::vector<std::string> tables;   // that it reads
};

// One statement that reads. An error (api::kInvalid) has SQLite's words and, where there is one, the nearest right
// name. Thread-safe.
Result<Checked> check_sql(std::string_view sql);

}  // namespace osprey::server::queries
