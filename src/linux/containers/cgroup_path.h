// What a process's cgroup says about it: its container and its systemd unit.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace osprey::linux {

struct CgroupOwner {
  std::string container_id;  // hexadecimal id, or the name where the engine has none (LXC, nspawn); empty outside
  std::string_view
      engine;          // "docker", "containerd", "crio", "podman", "lxc", "nspawn"… empty where the path does not tell
  std::string pod_id;  // Kubernetes pod uid, with dashes; empty outside a pod
  std::string unit;    // the system manager's unit; empty where there is none
};

// One path of the cgroup hierarchy, as /proc/PID/cgroup has it. Of nested containers the innermost is told. Processes
// that belong to an engine's machinery (shims, conmon, lxc monitors) are in no container.
CgroupOwner parse_cgroup_path(std::string_view path);

// The whole of /proc/PID/cgroup (cgroups(7)): "hierarchy:controllers:path" lines. Hierarchies may disagree where only
// some are delegated: the unit is that of systemd's own hierarchy, the container that of the first which names one.
CgroupOwner parse_process_cgroups(std::string_view text);

// The path of the first line, as osquery shows it; empty where there is none.
std::string_view first_cgroup_path(std::string_view text);

}  // namespace osprey::linux
