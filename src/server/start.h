// Where osprey-server begins.
#pragma once

namespace osprey::server {

// Returns the exit status.
int start(int argc, char** argv);

}  // namespace osprey::server
