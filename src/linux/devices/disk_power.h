// Whether a disk sleeps, asked in a way that does not wake it (rule R5).
#pragma once

namespace osprey::linux {

// True if the open ATA disk says that it is in standby or sleeps. What is no ATA disk does not sleep.
bool disk_sleeps(int fd) noexcept;

}  // namespace osprey::linux
