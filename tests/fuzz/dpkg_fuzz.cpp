#include <cstddef>
#include <cstdint>

#include "linux/packages/dpkg.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using osprey::linux::DpkgReader;
  for (const auto ending : {DpkgReader::Ending::strict, DpkgReader::Ending::lenient}) {
    DpkgReader reader({reinterpret_cast<const char*>(data), size}, ending);
    while (const auto package = reader.next()) {
      package->version();
      package->revision();
      package->size();
      package->on_hold();
      package->not_installed();
    }
  }
  return 0;
}
