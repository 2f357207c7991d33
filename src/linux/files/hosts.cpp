#include "linux/files/hosts.h"

#include "base/text.h"

namespace osprey::linux {

std::vector<HostsEntry> parse_hosts(std::string_view text) {
  std::vector<HostsEntry> entries;
  for (auto line : Lines(text)) {
    line = take_until(line, '#');
    HostsEntry entry;
    entry.address = take_field(line);
    for (auto name = take_field(line); !name.empty(); name = take_field(line)) {
      if (!entry.hostnames.empty()) entry.hostnames += ' ';
      entry.hostnames += name;
    }
    if (!entry.hostnames.empty()) entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace osprey::linux
