#include <cstddef>
#include <cstdint>

#include "linux/packages/apt_sources.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  using namespace osprey::linux;
  for (const auto& found : {parse_sources_list(text), parse_deb822_sources(text)}) {
    for (const auto& source : found.sources) {
      source.name();
      source.list_prefix();
    }
  }
  parse_release(text);
  return 0;
}
