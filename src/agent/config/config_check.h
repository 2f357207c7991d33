// --config_check and --config_dump, alike for shell and agent.
#pragma once

#include <string>
#include <vector>

#include "agent/flags/flags.h"
#include "agent/program.h"
#include "sql/connection.h"

namespace osprey::agent {

// What a program that was started for this alone prints and ends with.
struct ConfigAnswer {
  int status = 0;
  std::string output;
  std::string errors;
};

// Reads the configuration that `flags` name and says what is wrong with it. Under osquery's names the status is 1 only
// where it cannot be loaded. Under our own it is 1 where anything is wrong, be it an unknown key or a query that does
// not prepare against the tables that `connection` has.
ConfigAnswer check_config(const Program& program, const Flags& flags, const sql::ConnectionOptions& connection);

// Every source as it stands: {"source": text}. An error: the sources cannot be had.
Result<std::string> dump_config(const Program& program, const Flags& flags);

}  // namespace osprey::agent
