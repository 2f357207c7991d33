// Where the program begins: reads its flags and becomes what they and its name ask for: the shell, the agent, or one of
// the commands that print something and end.
#pragma once

#include "sql/registry.h"

namespace osprey::agent {

// Returns the exit status. `registry` has all tables.
int start(int argc, char** argv, sql::Registry& registry);

}  // namespace osprey::agent
