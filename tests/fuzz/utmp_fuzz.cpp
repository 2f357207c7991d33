#include <cstddef>
#include <cstdint>

#include "linux/files/utmp.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace osprey::linux;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (; bytes.size() >= kUtmpRecordSize; bytes.remove_prefix(kUtmpRecordSize))
    parse_utmp_record(bytes.substr(0, kUtmpRecordSize));
  return 0;
}
