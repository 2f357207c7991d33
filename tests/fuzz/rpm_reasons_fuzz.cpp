#include <cstddef>
#include <cstdint>

#include "linux/packages/rpm_reasons.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  osprey::linux::parse_dnf5_packages(text);
  osprey::linux::parse_zypper_auto_installed(text);
  return 0;
}
