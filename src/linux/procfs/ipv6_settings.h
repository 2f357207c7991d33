// /proc/sys/net/ipv6/conf/INTERFACE (the kernel's networking/ip-sysctl.rst).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/root.h"

namespace osprey::linux {

// The setting that holds for every interface beside its own.
inline constexpr std::string_view kAllInterfaces = "all";

// Names of the interfaces that speak IPv6, sorted.
Result<std::vector<std::string>> ipv6_interfaces(const Root& root);

// One number of an interface, such as "hop_limit".
Result<int> ipv6_setting(const Root& root, std::string_view interface, std::string_view name);

}  // namespace osprey::linux
