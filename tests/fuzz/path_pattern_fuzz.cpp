#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "linux/files/path_pattern.h"

// A pattern, a NUL, a text. A base and components put together again must be what was taken apart.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace osprey::linux;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto cut = bytes.find('\0');
  const auto like = bytes.substr(0, cut);
  const auto text = cut == bytes.npos ? std::string_view() : bytes.substr(cut + 1);
  for (const auto dialect : {PatternDialect::sql, PatternDialect::osquery}) {
    matches_like(like, text, dialect);
    const auto pattern = parse_path_pattern(like, dialect);
    if (!like.starts_with(pattern.base)) std::abort();
    if (pattern.components.empty() != (pattern.base.size() == like.size())) std::abort();
    for (const auto& component : pattern.components) component.matches(text, dialect);
  }
  return 0;
}
