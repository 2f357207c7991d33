// What filesystem, RAID or volume a block device holds, by libblkid.
#pragma once

#include <string>

#include "base/result.h"

namespace osprey::linux {

// Empty where the device holds nothing that is known, or several things at once.
struct Superblock {
  std::string type;  // "ext4", "LVM2_member", "crypto_LUKS"
  std::string uuid;  // as that type writes it
  std::string label;
};

// Reads a few blocks of an open device; `path` names it in errors.
Result<Superblock> probe_superblock(int fd, const std::string& path);

}  // namespace osprey::linux
