#include <cstddef>
#include <cstdint>

#include "base/mountinfo.h"
#include "linux/procfs/mount_options.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const auto& mount : osprey::parse_mountinfo({reinterpret_cast<const char*>(data), size}).mounts)
    osprey::linux::mount_options(mount);
  return 0;
}
