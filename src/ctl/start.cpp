#include "ctl/start.h"

#include <cstdlib>

namespace osprey::ctl {

int start(int, char**) { return EXIT_FAILURE; }

}  // namespace osprey::ctl
