#include "linux/devices/disk_power.h"

#include <linux/hdreg.h>
#include <sys/ioctl.h>

namespace osprey::linux {

bool disk_sleeps(int fd) noexcept {
  // CHECK POWER MODE (ATA/ATAPI command set): the answer stands in the sector count. 0x00 is standby; 0x40 and 0x41 are
  // a non-volatile cache's with the spindle stopped and running; the rest idle or active.
  unsigned char command[4] = {WIN_CHECKPOWERMODE1, 0, 0, 0};
  if (::ioctl(fd, HDIO_DRIVE_CMD, command) != 0) return false;
  return command[2] == 0x00 || command[2] == 0x40;
}

}  // namespace osprey::linux
