#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "linux/yara/process_memory.h"
#include "linux/yara/yara_answers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace osprey::linux;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto finds = decode_yara_finds(bytes); finds && decode_yara_finds(encode_yara_finds(*finds)) != finds)
    std::abort();
  if (const auto made = decode_yara_compilation(bytes);
      made && !decode_yara_compilation(encode_yara_compilation(*made)))
    std::abort();
  for (const auto& mapping : readable_mappings(bytes))
    if (mapping.extent.size == 0 || mapping.extent.start + mapping.extent.size > INT64_MAX) std::abort();
  return 0;
}
