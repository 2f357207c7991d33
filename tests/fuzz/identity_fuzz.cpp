// The identity file beside a store's own: what is read back is what was written, whatever stands there.
#include "store/identity.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto identity = osprey::store::parse_identity({reinterpret_cast<const char*>(data), size});
  if (osprey::store::parse_identity(osprey::store::format_identity(identity)) != identity) std::abort();
  return 0;
}
