// Control groups: which hierarchies are mounted where, and where a process stands in each (cgroups(7)).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/root.h"

namespace osprey::linux {

// One mounted hierarchy, v1 or v2, and a process's group in it.
struct CgroupMembership {
  int version = 0;
  std::vector<std::string> controllers;  // v1 only: "cpu", "cpuacct"; and "name=systemd" for one that has but a name
  std::string mount_point;
  std::string group;  // below the mount point: "/" or "/system.slice/osqueryd.service"

  // The directory of a group of this hierarchy, of the process's own by default.
  std::string directory() const { return directory(group); }
  std::string directory(std::string_view of) const;
  bool has(std::string_view controller) const;
};

// By /proc/PID/mountinfo and /proc/PID/cgroup. Hierarchies that are not mounted, or of which only other branches are,
// are left out.
std::vector<CgroupMembership> parse_cgroup_memberships(std::string_view mountinfo, std::string_view groups);
// Of this process.
Result<std::vector<CgroupMembership>> cgroup_memberships(const Root& root);

// The group above; empty for "/".
std::optional<std::string> parent_group(std::string_view group);

// Whom the groups belong to that this process could make groups below.
struct CgroupDelegation {
  enum class Kind {
    free,       // no service manager rules here
    delegated,  // the manager's, and handed to us: systemd's Delegate=
    managed,    // the manager's own: nobody else makes groups or writes limits here
  } kind = Kind::free;
  std::string group;  // delegated: the uppermost group that is ours
};
// By systemd's marks (the attributes trusted.delegate and user.delegate, or a group that an unprivileged user owns) on
// our group or one above it, in the hierarchy that systemd keeps its units in. systemd before 236 leaves no marks.
CgroupDelegation cgroup_delegation(const Root& root, const std::vector<CgroupMembership>& memberships);

}  // namespace osprey::linux
