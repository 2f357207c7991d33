// NameServers: those that the host is set up to ask, by /etc/resolv.conf or through systemd-resolved.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "base/root.h"

namespace osprey::events {

// Reads the files at most once a second of the moments given. Not for several threads.
class NameServers {
 public:
  explicit NameServers(Root root) : root_(std::move(root)) {}

  // `address`: as inet_ntop(3) writes it. `moment`: nanoseconds.
  bool has(std::string_view address, std::uint64_t moment);

 private:
  Root root_;
  std::set<std::string, std::less<>> addresses_;
  std::uint64_t next_ = 0;
};

}  // namespace osprey::events
