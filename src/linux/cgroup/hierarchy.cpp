#include "linux/cgroup/hierarchy.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>

#include "base/text.h"

namespace osprey::linux {
namespace {

constexpr int kKernfsNumber = 0xfe;  // FILEID_KERNFS of the kernel's include/linux/exportfs.h: a handle is the number

}  // namespace

std::optional<CgroupHierarchy> CgroupHierarchy::open(const Mount& mount) {
  UniqueFd top(::open(mount.point.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!top) return std::nullopt;
  return CgroupHierarchy(mount.point, std::move(top));
}

std::optional<CgroupHierarchy> CgroupHierarchy::unified(const MountTable& mounts) {
  const auto is_it = [](const Mount& mount) { return mount.type == "cgroup2" && mount.root == "/"; };
  const auto found = std::ranges::find_if(mounts.mounts, is_it);
  return found == mounts.mounts.end() ? std::nullopt : open(*found);
}

std::optional<CgroupHierarchy> CgroupHierarchy::of(const MountTable& mounts, std::string_view controller) {
  const auto is_it = [&](const Mount& mount) {
    if (mount.type != "cgroup" || mount.root != "/") return false;
    const auto options = split(mount.super_options, ',');
    return std::ranges::find(options, controller) != options.end();
  };
  const auto found = std::ranges::find_if(mounts.mounts, is_it);
  return found == mounts.mounts.end() ? std::nullopt : open(*found);
}

std::optional<std::uint64_t> CgroupHierarchy::number(std::string_view group) const {
  struct stat about{};
  if (::fstatat(top_.get(), fmt::format("./{}", group).c_str(), &about, 0) != 0) return std::nullopt;
  return about.st_ino;
}

std::optional<std::string> CgroupHierarchy::group(std::uint64_t number) const {
  alignas(file_handle) std::array<char, sizeof(file_handle) + sizeof(number)> handle{};
  const file_handle head{.handle_bytes = sizeof(number), .handle_type = kKernfsNumber};
  std::memcpy(handle.data(), &head, sizeof(head));
  std::memcpy(handle.data() + sizeof(head), &number, sizeof(number));
  const UniqueFd folder(
      ::open_by_handle_at(top_.get(), reinterpret_cast<file_handle*>(handle.data()), O_PATH | O_CLOEXEC));
  if (!folder) return std::nullopt;
  std::array<char, PATH_MAX> path{};
  const auto size = ::readlink(fmt::format("/proc/self/fd/{}", folder.get()).c_str(), path.data(), path.size());
  std::string_view text(path.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  if (!text.starts_with(point_)) return std::nullopt;
  text.remove_prefix(point_.size());
  return text.empty() ? "/" : std::string(text);
}

}  // namespace osprey::linux
