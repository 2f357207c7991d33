// Block devices as sysfs has them (Documentation/ABI/stable/sysfs-block).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/root.h"
#include "linux/devices/superblock.h"
#include "linux/files/udev_database.h"

namespace osprey::linux {

// A disk, partition, loop or mapped device. Nothing is read before it is asked for, and the device itself is opened by
// superblock() alone.
class BlockDevice {
 public:
  BlockDevice(Root root, std::string kernel_name) : root_(std::move(root)), name_(std::move(kernel_name)) {}

  // The node below /dev: the kernel's name, with '!' for the slashes of names like cciss/c0d0.
  std::string path() const;
  // The whole disk of a partition, the first device below a mapped one (LVM, encryption); by kernel name.
  std::optional<std::string> parent() const;
  Result<std::int64_t> sectors() const;                    // of 512 bytes, whatever the device's own are
  std::optional<std::int64_t> logical_block_size() const;  // absent for partitions
  // Of the disk, also for its partitions. Absent where the bus has none.
  std::optional<std::string> vendor() const;
  std::optional<std::string> model() const;
  std::optional<std::string> serial();

  // By udevd if it has looked, otherwise by reading the device. A disk that sleeps is not woken and a device that is
  // reached over a network is not touched: an error says so.
  Result<Superblock> superblock();

 private:
  const UdevProperties& udev();
  std::string attribute_path(std::string_view attribute) const;
  std::optional<std::string> attribute(std::string_view attribute) const;
  // The disk that this is or is a partition of.
  BlockDevice disk() const;
  // The kernel's name for the kind of device behind a disk: scsi, nvme, mmc, virtio.
  std::string bus() const;
  Result<Superblock> probe() const;

  Root root_;
  std::string name_;
  std::optional<UdevProperties> udev_;
};

// Kernel names of all block devices, sorted.
Result<std::vector<std::string>> list_block_devices(const Root& root);

}  // namespace osprey::linux
