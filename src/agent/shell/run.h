// The shell, from its flags to its exit status.
#pragma once

#include "agent/flags/command_line.h"
#include "agent/flags/flags.h"
#include "agent/program.h"
#include "sql/registry.h"

namespace osprey::agent::shell {

int run(const CommandLine& line, Flags& flags, Program& program, sql::Registry& registry);

}  // namespace osprey::agent::shell
