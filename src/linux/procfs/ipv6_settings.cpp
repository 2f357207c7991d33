#include "linux/procfs/ipv6_settings.h"

#include <fmt/format.h>

#include "base/text.h"

namespace osprey::linux {
namespace {

constexpr std::string_view kDirectory = "/proc/sys/net/ipv6/conf";

}  // namespace

Result<std::vector<std::string>> ipv6_interfaces(const Root& root) {
  std::vector<std::string> names;
  for (auto& entry : TRY(root.list(kDirectory)))
    if (entry.name != kAllInterfaces && entry.name != "default") names.push_back(std::move(entry.name));
  return names;
}

Result<int> ipv6_setting(const Root& root, std::string_view interface, std::string_view name) {
  const auto path = fmt::format("{}/{}/{}", kDirectory, interface, name);
  const auto value = parse<int>(TRY(root.read_trimmed(path)));
  if (!value) return failure(path, "is not a number");
  return *value;
}

}  // namespace osprey::linux
