#include "linux/files/passwd.h"
#include "tables/entries_of.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

using linux::GroupEntry;

Rows<GroupEntry> scan(const Scan& scan) {
  for (auto& group : entries_of(scan, "/etc/group", linux::parse_group))
    if (scan.matches("gid", std::int64_t{group.gid})) co_yield group;
}

}  // namespace

Table groups() {
  return table("groups", "Groups of users, from /etc/group.", scan)
      .column("gid", BIGINT, &GroupEntry::gid, "Group id.", INDEX)
      .column(
          "gid_signed", BIGINT, [](const GroupEntry& g) { return static_cast<std::int32_t>(g.gid); },
          "Group id read as a signed 32-bit number.")
      .column("groupname", TEXT, &GroupEntry::groupname, "Name of the group.")
      .foreign(TEXT, {"group_sid"}, INDEX)
      .foreign(TEXT, {"comment"})
      .foreign(INTEGER, {"is_hidden"})
      .in_mount_namespaces()
      .example("SELECT groupname FROM groups WHERE gid = 0")
      .example(
          "SELECT u.username FROM groups g JOIN user_groups USING (gid) JOIN users u USING (uid) "
          "WHERE g.groupname = 'sudo'");
}

}  // namespace osprey::tables
