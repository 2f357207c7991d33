// Taking a netlink dump for a table.
#pragma once

#include <string>

#include "linux/netlink/dump_socket.h"
#include "tables/table.h"

namespace osprey::tables {

// The messages of a dump, none where it failed. Warns of that, and of a dump that may not be whole.
inline std::string take_messages(const Scan& scan, Result<linux::NetlinkDump> result) {
  auto dump = scan.take(std::move(result));
  if (!dump) return {};
  if (!dump->consistent) scan.warn(failure("netlink", "what was listed kept changing, rows may be missing").error());
  return std::move(dump->messages);
}

}  // namespace osprey::tables
