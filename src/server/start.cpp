#include "server/start.h"

#include <cstdlib>

namespace osprey::server {

int start(int, char**) { return EXIT_FAILURE; }

}  // namespace osprey::server
