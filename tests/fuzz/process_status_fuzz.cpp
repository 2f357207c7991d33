#include <cstddef>
#include <cstdint>
#include <string_view>

#include "linux/procfs/process_io.h"
#include "linux/procfs/process_status.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  osprey::linux::parse_process_status(text);
  osprey::linux::parse_process_io(text);
  return 0;
}
