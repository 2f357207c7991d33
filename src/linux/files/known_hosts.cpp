#include "linux/files/known_hosts.h"

#include "base/text.h"

namespace osprey::linux {

Parsed<std::string> parse_known_hosts(std::string_view text) {
  Parsed<std::string> hosts;
  for (auto line : Lines(text)) {
    line = trim(line);
    if (!line.empty() && line.front() != '#') hosts.entries.emplace_back(line);
  }
  return hosts;
}

}  // namespace osprey::linux
