// The program's own code as a consumer of memory.
#pragma once

namespace osprey::agent {

// Unmaps the program's code and constants, all of them clean pages of its file: what runs again comes back from the
// page cache, what only the start needed does not. To be called when that is over.
void forget_program_text() noexcept;

}  // namespace osprey::agent
