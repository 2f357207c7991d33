// /proc/modules (proc_modules(5)).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "linux/files/parsed.h"

namespace osprey::linux {

struct KernelModule {
  std::string name;
  std::int64_t size = 0;                 // bytes
  std::optional<std::int64_t> refcount;  // empty where the kernel cannot unload modules
  std::string used_by;                   // "a,b", or "-" for none
  std::string status;                    // Live, Loading or Unloading
  std::string address;                   // zeros without the right to see it
  std::string taints;                    // letters such as OE (out of tree, unsigned); mostly empty
};

Parsed<KernelModule> parse_modules(std::string_view text);

}  // namespace osprey::linux
