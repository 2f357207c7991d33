#include <cstddef>
#include <cstdint>

#include "linux/files/sysctl_d.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  osprey::linux::SysctlConfiguration configuration;
  configuration.add(osprey::linux::parse_sysctl_d(text));
  configuration.value("net/ipv4/conf/eth0/rp_filter");
  return 0;
}
