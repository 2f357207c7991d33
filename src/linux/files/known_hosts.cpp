#include "linux/files/known_hosts.h"

#include "base/text.h"

namespace osprey::linux {

std::vector<std::string> parse_known_hosts(std::string_view text) {
  std::vector<std::string> entries;
  for (auto line : Lines(text)) {
    line = trim(line);
    if (!line.empty() && line.front() != '#') entries.emplace_back(line);
  }
  return entries;
}

}  // namespace osprey::linux
