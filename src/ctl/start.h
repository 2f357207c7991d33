// Where ospreyctl begins.
#pragma once

namespace osprey::ctl {

// Returns the exit status.
int start(int argc, char** argv);

}  // namespace osprey::ctl
