#include "linux/packages/control.h"

namespace osprey::linux {

std::vector<std::string_view> control_words(std::string_view value) {
  std::vector<std::string_view> words;
  for (const auto line : Lines(value)) {
    if (line.starts_with('#')) continue;
    const auto more = fields(line);
    words.insert(words.end(), more.begin(), more.end());
  }
  return words;
}

}  // namespace osprey::linux
