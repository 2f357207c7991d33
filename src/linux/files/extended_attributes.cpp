#include "linux/files/extended_attributes.h"

#include <linux/limits.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>

#include "base/text.h"
#include "base/unique_fd.h"

namespace osprey::linux {
namespace {

// An O_PATH descriptor refuses fgetxattr(2); its name in /proc does not, and leads to the very file.
std::string by_descriptor(const UniqueFd& fd) { return "/proc/self/fd/" + std::to_string(fd.get()); }

}  // namespace

Result<std::vector<std::string>> list_attributes(const Root& root, std::string_view path) {
  const auto handle = TRY(root.open_path(path));
  std::string list(XATTR_LIST_MAX, '\0');
  const auto length = ::listxattr(by_descriptor(handle).c_str(), list.data(), list.size());
  if (length < 0 && errno == ENOTSUP) return std::vector<std::string>();
  if (length < 0) return system_failure(std::string(path));
  std::vector<std::string> names;
  for (const auto name : split(std::string_view(list).substr(0, static_cast<std::size_t>(length)), '\0'))
    if (!name.empty()) names.emplace_back(name);
  std::ranges::sort(names);
  return names;
}

Result<std::string> read_attribute(const Root& root, std::string_view path, std::string_view name) {
  const auto handle = TRY(root.open_path(path));
  std::string value(XATTR_SIZE_MAX, '\0');
  const auto length = ::getxattr(by_descriptor(handle).c_str(), std::string(name).c_str(), value.data(), value.size());
  if (length < 0) return system_failure(errno == ENODATA || errno == ENOTSUP ? ENOENT : errno, std::string(path));
  value.resize(static_cast<std::size_t>(length));
  return value;
}

}  // namespace osprey::linux
