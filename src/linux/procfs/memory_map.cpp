#include "linux/procfs/memory_map.h"

#include "base/text.h"

namespace osprey::linux {

std::optional<MemoryMapping> parse_memory_mapping(std::string_view line) {
  // 7f1c4a2b5000-7f1c4a2d7000 r--p 00000000 08:02 135522                     /usr/lib/x86_64-linux-gnu/libc.so.6
  MemoryMapping mapping;
  mapping.end = take_field(line);
  mapping.start = take_until(mapping.end, '-');
  mapping.permissions = take_field(line);
  const auto offset = parse<std::uint64_t>(take_field(line), 16);
  mapping.device = take_field(line);
  const auto inode = parse<std::uint64_t>(take_field(line));
  if (mapping.start.empty() || mapping.end.empty() || mapping.permissions.size() < 4 || !offset || !inode)
    return std::nullopt;
  mapping.offset = *offset;
  mapping.inode = *inode;
  mapping.path = trim_left(line);
  return mapping;
}

}  // namespace osprey::linux
