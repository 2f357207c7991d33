// The shell on a terminal: a line editor, history, completion, and Ctrl-C for the running query.
#pragma once

#include "agent/shell/shell.h"

namespace osprey::agent::shell {

// Until Ctrl-D or .exit; the exit status.
int run_interactive(Shell& shell);

}  // namespace osprey::agent::shell
