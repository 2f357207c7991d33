// /etc/hosts (hosts(5)).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace osprey::linux {

struct HostsEntry {
  std::string address;
  std::string hostnames;  // separated by single blanks, in the file's order
};

// Comments and lines without a name are left out.
std::vector<HostsEntry> parse_hosts(std::string_view text);

}  // namespace osprey::linux
