// The kernel's settings below /proc/sys.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/interrupt.h"
#include "base/root.h"

namespace osprey::linux {

// Which settings a walk looks for, by dotted names: net.ipv4.ip_forward.
struct SysctlFilter {
  std::function<bool(std::string_view directory)> may_hold;  // whether the names below this one are wanted
  std::function<bool(std::string_view name)> wanted;
};

// Paths below /proc/sys ("net/ipv4/ip_forward"), in order. What cannot be listed is left out. Other filesystems below
// it are not entered: binfmt_misc is one, and mostly an automount.
std::vector<std::string> list_sysctls(const Root& root, const SysctlFilter& filter, const Interrupt& interrupt);

// A setting's value without white space at its ends. Those that cannot be read, are work to read or are written only
// are absent() errors; a secret is "(redacted)" (rule R9).
Result<std::string> read_sysctl(const Root& root, std::string_view path);

// The dotted name of a path: slashes become dots, dots in file names stay.
std::string sysctl_name(std::string_view path);

}  // namespace osprey::linux
