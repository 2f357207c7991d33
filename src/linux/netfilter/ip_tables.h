// The rules of the IPv4 packet filter's older interface (iptables-legacy), from the kernel's ip_tables.h and
// x_tables.h.
#pragma once

#include <arpa/inet.h>
#include <linux/netfilter_ipv4/ip_tables.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace osprey::linux {

struct IpTablesRule {
  ipt_ip ip{};         // addresses, interfaces, protocol and what of it is negated
  std::string target;  // a verdict, a chain or an extension; empty where the rule only counts
  // Ports of a tcp, udp or multiport match as "low:high", several separated by commas, "!" in front when negated; empty
  // where none are asked for. Of a multiport match for either side both have them.
  std::string source_ports;
  std::string destination_ports;
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
};

struct IpTablesChain {
  std::string name;
  std::optional<std::string> policy;  // what becomes of packets that no rule decides on; a user's chain has none
  std::uint64_t packets = 0;          // that came to the policy
  std::uint64_t bytes = 0;
  std::vector<IpTablesRule> rules;
};

// The chains in a table's blob as IPT_SO_GET_ENTRIES gives it; `info` tells where the built-in ones begin and end.
// An error where an entry's lengths lead out of the blob or nowhere.
Result<std::vector<IpTablesChain>> parse_ip_table(const ipt_getinfo& info, std::string_view entries);

// Asks the kernel for a table by name. Only ask for one that /proc/net/ip_tables_names lists: asking for another loads
// its module (R6).
Result<std::vector<IpTablesChain>> read_ip_table(const std::string& name);

}  // namespace osprey::linux
