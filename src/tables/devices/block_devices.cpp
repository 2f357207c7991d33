#include "linux/sysfs/block_device.h"

#include <algorithm>

#include "tables/table.h"

namespace osprey::tables {
namespace {

using linux::BlockDevice;
using linux::Superblock;

struct Handle {
  BlockDevice device;
  const Root* root;
  std::optional<Result<Superblock>> probed{};

  std::string name() const { return device.path(); }
  std::optional<std::string> parent() const {
    const auto parent = device.parent();
    return parent ? std::optional(BlockDevice(*root, *parent).path()) : std::nullopt;
  }
  template <auto member>
  static Result<std::string> superblock(Handle& handle) {
    if (!handle.probed) {
      handle.probed = handle.device.superblock();
    } else if (!*handle.probed) {
      return system_failure(ENOENT, "");  // said once a row
    }
    if (!*handle.probed) return std::unexpected(handle.probed->error());
    return (**handle.probed).*member;
  }
};

Rows<Handle> scan(const Scan& scan) {
  const auto names = scan.take(linux::list_block_devices(scan.root()));
  if (!names) co_return;
  for (const auto& name : *names) {
    Handle handle{BlockDevice(scan.root(), name), &scan.root()};
    if (!scan.matches("name", handle.name())) continue;
    co_yield handle;
    if (scan.interrupted()) co_return;
  }
}

}  // namespace

Table block_devices() {
  return table("block_devices", "Disks, partitions and other block devices.", scan)
      .column("name", TEXT, &Handle::name, "Path of the device node.", INDEX)
      .column("parent", TEXT, &Handle::parent,
              "The disk that it is a partition of, or the device that it is mapped onto.")
      .column(
          "vendor", TEXT, [](const Handle& h) { return h.device.vendor(); }, "Who made the disk, as the disk says.")
      .column(
          "model", TEXT, [](const Handle& h) { return h.device.model(); }, "The disk's model.")
      .column(
          "serial", TEXT, [](Handle& h) { return h.device.serial(); }, "The disk's serial number.")
      .column(
          "size", BIGINT, [](const Handle& h) { return h.device.sectors(); }, "Size in sectors of 512 bytes.")
      .column(
          "block_size", INTEGER, [](const Handle& h) { return h.device.logical_block_size(); },
          "The smallest unit that the disk reads or writes, in bytes.")
      .column("uuid", TEXT, &Handle::superblock<&Superblock::uuid>, "UUID of what is on it.", NOCASE)
      .column("type", TEXT, &Handle::superblock<&Superblock::type>,
              "What is on it: a filesystem, swap, a member of a volume.")
      .column("label", TEXT, &Handle::superblock<&Superblock::label>, "Label of what is on it.")
      .example("SELECT name, size * 512 AS bytes, type, label FROM block_devices WHERE size > 0")
      .example("SELECT * FROM block_devices WHERE name = '/dev/sda'")
      .note(
          "uuid, type and label come from udevd's findings, or from the device where udevd has none. Sleeping disks "
          "are "
          "not woken and network block devices not touched: a warning says so.");
}

}  // namespace osprey::tables
