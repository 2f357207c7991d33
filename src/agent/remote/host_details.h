// What an enrolling host says of itself (compat section 6.2).
#pragma once

#include <string>

#include "sql/connection.h"

namespace osprey::agent {

// The first rows of os_version, osquery_info, platform_info and system_info as a JSON object: values are strings,
// columns stand by name, and what has no value or no row is left out.
std::string host_details(const sql::ConnectionOptions& options);

}  // namespace osprey::agent
