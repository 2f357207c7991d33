#include <cstddef>
#include <cstdint>
#include <string_view>

#include "linux/containers/cgroup_path.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  osprey::linux::parse_process_cgroups(text);
  osprey::linux::first_cgroup_path(text);
  return 0;
}
