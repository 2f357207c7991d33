// /proc/cmdline: what the boot loader told the kernel (bootparam(7), kernel-parameters).
#pragma once

#include <string>
#include <string_view>

namespace osprey::linux {

struct KernelCommandLine {
  std::string image;        // of BOOT_IMAGE=, the file that the boot loader took the kernel from
  std::string root_device;  // of root=
  std::string arguments;    // all others, separated by single blanks
};

// Blanks inside double quotes do not separate arguments.
KernelCommandLine parse_kernel_command_line(std::string_view text);

// The release in /proc/version: "6.1.0-18-amd64" of "Linux version 6.1.0-18-amd64 (…) …".
std::string_view kernel_release(std::string_view version) noexcept;

}  // namespace osprey::linux
