#include "agent/daemon/program_text.h"

#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

namespace osprey::agent {

void forget_program_text() noexcept {
  static const auto page = static_cast<ElfW(Addr)>(::sysconf(_SC_PAGESIZE));
  ::dl_iterate_phdr(
      [](dl_phdr_info* object, std::size_t, void*) {
        for (int i = 0; i < object->dlpi_phnum; ++i) {
          const auto& segment = object->dlpi_phdr[i];
          // Only what was never written: writable segments hold what the dynamic linker and we have changed.
          if (segment.p_type != PT_LOAD || segment.p_flags & PF_W) continue;
          const auto first = (object->dlpi_addr + segment.p_vaddr + page - 1) & ~(page - 1);
          const auto last = (object->dlpi_addr + segment.p_vaddr + segment.p_memsz) & ~(page - 1);
          // NOLINTNEXTLINE(performance-no-int-to-ptr): the loader tells addresses as numbers
          if (first < last) ::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
        }
        return 1;  // the first object is the program; libraries are shared with everybody
      },
      nullptr);
}

}  // namespace osprey::agent
