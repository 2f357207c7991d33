#include <cstddef>
#include <cstdint>

#include "linux/packages/python.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  osprey::linux::parse_python_metadata(text);
  osprey::linux::is_editable(text);
  osprey::linux::python_environment(text);
  return 0;
}
