// /etc/resolv.conf, read as glibc's resolver reads it (resolv.conf(5), resolv/res_init.c).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace osprey::linux {

struct ResolvConf {
  struct Network {
    std::string address;
    int prefix = 0;
    bool operator==(const Network&) const = default;
  };
  std::vector<std::string> nameservers;  // IPv4 or IPv6, the first three; 127.0.0.1 where the file names none
  std::vector<std::string> search;       // of the last "search" or "domain"; the first six
  std::vector<Network> sortlist;         // the first ten
  std::uint32_t options = 0;             // RES_* of <resolv.h>
};

ResolvConf parse_resolv_conf(std::string_view text);

}  // namespace osprey::linux
