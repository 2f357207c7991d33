#include "agent/shell/interactive.h"

#include <unistd.h>

namespace osprey::agent::shell {

int run_interactive(Shell& shell) {
  shell.set_interactive();
  return shell.run_lines(STDIN_FILENO);
}

}  // namespace osprey::agent::shell
