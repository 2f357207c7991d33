#include <cstddef>
#include <cstdint>

#include "linux/packages/npm.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)osprey::linux::parse_npm_manifest(text);
  (void)osprey::linux::parse_npm_lock(text);
  return 0;
}
