// The mount table as /proc/PID/mountinfo tells it (proc_pid_mountinfo(5)).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace osprey {

struct Mount {
  std::int64_t id = 0;
  std::int64_t parent_id = 0;
  std::string root;           // the directory of the filesystem that is mounted
  std::string point;          // where, in the eyes of the process whose file it is
  std::string options;        // of this mount: "rw,nosuid,relatime"
  std::string propagation;    // "shared:7 master:1"; empty where the mount is private
  std::string type;           // "ext4", "fuse.sshfs"
  std::string source;         // device, server or a mere label
  std::string super_options;  // of the filesystem, whatever mounts it
};

struct MountTable {
  std::vector<Mount> mounts;  // in the file's order: what is mounted later stands later
  std::size_t skipped = 0;    // lines that could not be parsed
};
MountTable parse_mountinfo(std::string_view text);

// Filesystems whose server may be gone, so that a look at them may never return (rule R3): network, FUSE, autofs.
bool may_hang(std::string_view filesystem_type) noexcept;

}  // namespace osprey
