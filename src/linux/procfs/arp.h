// /proc/net/arp: the IPv4 neighbours with a hardware address (proc(5), net/ipv4/arp.c).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "linux/files/parsed.h"

namespace osprey::linux {

struct ArpEntry {
  std::string address;
  std::string mac;
  std::string interface;
  std::uint32_t flags = 0;  // ATF_* of arp(7)
};

// The first line is the header.
Parsed<ArpEntry> parse_arp(std::string_view text);

}  // namespace osprey::linux
