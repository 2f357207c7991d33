#include <cstddef>
#include <cstdint>

#include "linux/packages/rpm_database.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  using osprey::linux::RandomAccess;
  for (const auto open : {osprey::linux::ndb_records, osprey::linux::berkeley_records}) {
    auto records = open(RandomAccess(text));
    while (records) {
      const auto record = (*records)->next();
      if (!record || !*record) break;
    }
  }
  return 0;
}
