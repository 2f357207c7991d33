#include <cstddef>
#include <cstdint>

#include "linux/files/authorized_keys.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& key : osprey::linux::parse_authorized_keys(text).entries) key.fingerprint_sha256();
  return 0;
}
