#include "linux/devices/msr.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "base/text.h"

namespace osprey::linux {
namespace {

constexpr unsigned kMsrMajor = 202;  // Documentation/admin-guide/devices.txt

}  // namespace

std::vector<std::int64_t> msr_processors(const Root& root) {
  std::vector<std::int64_t> processors;
  const auto entries = root.list("/sys/class/msr");  // made by the module, one entry a processor
  if (!entries) return processors;
  for (const auto& entry : *entries)
    if (entry.name.starts_with("msr"))
      if (const auto number = parse<std::int64_t>(std::string_view(entry.name).substr(3)))
        processors.push_back(*number);
  std::ranges::sort(processors);
  return processors;
}

Result<MsrDevice> MsrDevice::open(const Root& root, std::int64_t processor) {
  const auto path = "/dev/cpu/" + std::to_string(processor) + "/msr";
  const auto node = TRY(root.open_path(path));
  struct stat info;
  if (::fstat(node.get(), &info) != 0) return system_failure(path);
  if (!S_ISCHR(info.st_mode) || major(info.st_rdev) != kMsrMajor) return failure(path, "is no msr device");
  UniqueFd file(::open(("/proc/self/fd/" + std::to_string(node.get())).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return system_failure(path);
  return MsrDevice(std::move(file));
}

Result<std::uint64_t> MsrDevice::read(Msr number) const {
  std::uint64_t value;
  // The offset is the register's number; the processor refuses numbers it does not know, which is EIO here.
  const auto count = ::pread(file_.get(), &value, sizeof value, static_cast<off_t>(number));
  if (count == sizeof value) return value;
  return system_failure(count < 0 && errno == EIO ? ENOENT : errno, "msr");
}

}  // namespace osprey::linux
