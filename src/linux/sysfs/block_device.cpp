#include "linux/sysfs/block_device.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/text.h"
#include "linux/devices/disk_power.h"

namespace osprey::linux {
namespace {

// Drivers whose devices are another machine's: reading one may wait for that machine for ever. And floppy disks,
// where it waits for a motor.
bool may_wait(std::string_view kernel_name) noexcept {
  static constexpr std::array<std::string_view, 5> kDrivers = {"drbd", "etherd!", "fd", "nbd", "rbd"};
  return std::ranges::any_of(kDrivers, [&](auto driver) { return kernel_name.starts_with(driver); });
}

std::string last_component(std::string_view path) { return std::string(path.substr(path.rfind('/') + 1)); }

}  // namespace

Result<std::vector<std::string>> list_block_devices(const Root& root) {
  std::vector<std::string> names;
  for (auto& entry : TRY(root.list("/sys/class/block"))) names.push_back(std::move(entry.name));
  return names;
}

std::string BlockDevice::attribute_path(std::string_view attribute) const {
  return "/sys/class/block/" + name_ + "/" + std::string(attribute);
}

std::optional<std::string> BlockDevice::attribute(std::string_view attribute) const {
  auto text = root_.read_trimmed(attribute_path(attribute));
  if (!text || trim(*text).empty()) return std::nullopt;
  return std::string(trim(*text));
}

std::string BlockDevice::path() const {
  auto path = "/dev/" + name_;
  std::ranges::replace(path, '!', '/');
  return path;
}

std::optional<std::string> BlockDevice::parent() const {
  if (root_.exists(attribute_path("partition"))) {
    // The class's entry is a link to …/block/sda/sda1.
    const auto link = root_.read_link("/sys/class/block/" + name_);
    if (!link) return std::nullopt;
    const std::string_view target = *link;
    return last_component(target.substr(0, std::min(target.rfind('/'), target.size())));
  }
  const auto below = root_.list(attribute_path("slaves"));
  return below && !below->empty() ? std::optional(below->front().name) : std::nullopt;
}

BlockDevice BlockDevice::disk() const {
  if (root_.exists(attribute_path("partition")))
    if (auto whole = parent()) return {root_, std::move(*whole)};
  return {root_, name_};
}

std::string BlockDevice::bus() const {
  const auto link = root_.read_link(attribute_path("device/subsystem"));
  return link ? last_component(*link) : std::string();
}

Result<std::int64_t> BlockDevice::sectors() const {
  const auto text = TRY(root_.read_trimmed(attribute_path("size")));
  const auto number = parse<std::int64_t>(text);
  if (!number) return failure(attribute_path("size"), "is not a number");
  return *number;
}

std::optional<std::int64_t> BlockDevice::logical_block_size() const {
  const auto text = attribute("queue/logical_block_size");
  return text ? parse<std::int64_t>(*text) : std::nullopt;
}

std::optional<std::string> BlockDevice::vendor() const {
  const auto whole = disk();
  return whole.bus() == "scsi" ? whole.attribute("device/vendor") : std::nullopt;
}

std::optional<std::string> BlockDevice::model() const {
  const auto whole = disk();
  const auto bus = whole.bus();
  if (bus == "scsi" || bus == "nvme") return whole.attribute("device/model");
  return bus == "mmc" ? whole.attribute("device/name") : std::nullopt;
}

std::optional<std::string> BlockDevice::serial() {
  auto whole = disk();
  const auto& known = whole.udev();
  for (const auto name : {"ID_SERIAL_SHORT", "ID_SCSI_SERIAL"})
    if (const auto found = known.find(name); found != known.end() && !found->second.empty()) return found->second;
  const auto bus = whole.bus();
  if (bus == "nvme" || bus == "mmc") return whole.attribute("device/serial");
  if (bus == "virtio") return whole.attribute("serial");
  if (bus != "scsi") return std::nullopt;
  // The unit's serial number page as the kernel read it when the disk came: a header of four bytes, then the number.
  const auto page = root_.read(whole.attribute_path("device/vpd_pg80"));
  if (!page || page->bytes.size() <= 4) return std::nullopt;
  const auto number = std::string_view(page->bytes).substr(4);
  return std::string(trim(number.substr(0, number.find('\0'))));
}

const UdevProperties& BlockDevice::udev() {
  if (!udev_) {
    const auto number = attribute("dev");
    udev_ = number ? read_udev_properties(root_, "b" + *number) : UdevProperties();
  }
  return *udev_;
}

Result<Superblock> BlockDevice::superblock() {
  const auto value = [&](std::string_view name) {
    const auto found = udev().find(name);
    return found == udev().end() ? std::string() : decode_udev_value(found->second);
  };
  if (auto type = value("ID_FS_TYPE"); !type.empty())
    return Superblock{std::move(type), value("ID_FS_UUID_ENC").empty() ? value("ID_FS_UUID") : value("ID_FS_UUID_ENC"),
                      value("ID_FS_LABEL_ENC").empty() ? value("ID_FS_LABEL") : value("ID_FS_LABEL_ENC")};
  if (may_wait(name_)) return failure(path(), "is not looked into: its answer may never come");
  return probe();
}

Result<Superblock> BlockDevice::probe() const {
  const auto sectors = this->sectors();
  if (!sectors || *sectors == 0) return Superblock();  // a loop device without a file, a drive without a disk
  const auto whole = disk();
  const bool may_sleep = whole.bus() == "scsi" && whole.attribute("queue/rotational") == "1";
  if (may_sleep && whole.attribute("device/power/runtime_status") == "suspended")
    return failure(path(), "sleeps and is not woken");
  const auto node = TRY(root_.open_path(path()));
  struct stat info;
  if (::fstat(node.get(), &info) != 0) return system_failure(path());
  if (!S_ISBLK(info.st_mode)) return failure(path(), "is no block device");
  const UniqueFd file(
      ::open(("/proc/self/fd/" + std::to_string(node.get())).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!file) return system_failure(errno == ENXIO || errno == ENOMEDIUM ? ENOENT : errno, path());
  if (may_sleep && disk_sleeps(file.get())) return failure(path(), "sleeps and is not woken");
  return probe_superblock(file.get(), path());
}

}  // namespace osprey::linux
