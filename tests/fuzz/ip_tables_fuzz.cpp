#include "linux/netfilter/ip_tables.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

// The blob behind an ipt_getinfo, as the kernel gives both.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ipt_getinfo info;
  if (size < sizeof info) return 0;
  std::memcpy(&info, data, sizeof info);
  (void)osprey::linux::parse_ip_table(info, {reinterpret_cast<const char*>(data) + sizeof info, size - sizeof info});
  return 0;
}
