#include <cstddef>
#include <cstdint>

#include "linux/cgroup/membership.h"

// The mount table, an empty line, /proc/PID/cgroup.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto cut = text.find("\n\n");
  const auto groups = cut == std::string_view::npos ? text : text.substr(cut + 2);
  for (const auto& one : osprey::linux::parse_cgroup_memberships(text.substr(0, cut), groups)) {
    if (one.directory().empty()) __builtin_trap();
    for (std::optional<std::string> group = one.group; group; group = osprey::linux::parent_group(*group))
      if (!group->starts_with('/')) __builtin_trap();
  }
  return 0;
}
