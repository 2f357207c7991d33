#include "linux/cgroup/membership.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/mountinfo.h"
#include "base/text.h"
#include "linux/files/extended_attributes.h"

namespace osprey::linux {
namespace {

// `path` below `top`; empty where it lies elsewhere.
std::optional<std::string> below(std::string_view path, std::string_view top) {
  if (path.find("/..") != std::string_view::npos) return std::nullopt;  // outside of our cgroup namespace
  if (top == "/") return std::string(path);
  if (!path.starts_with(top)) return std::nullopt;
  path.remove_prefix(top.size());
  if (path.empty()) return "/";
  if (!path.starts_with('/')) return std::nullopt;
  return std::string(path);
}

bool carries(const Mount& mount, const std::vector<std::string>& controllers) {
  if (controllers.empty()) return mount.type == "cgroup2";
  const auto options = split(mount.super_options, ',');
  return mount.type == "cgroup" && std::ranges::find(options, controllers.front()) != options.end();
}

// The mount that shows the group `path`, the one that shows most of the hierarchy if there are several.
std::optional<CgroupMembership> find_mounted(const MountTable& table, std::vector<std::string> controllers,
                                             std::string_view path) {
  const Mount* best = nullptr;
  for (const auto& mount : table.mounts)
    if (carries(mount, controllers) && below(path, mount.root) && (!best || mount.root.size() < best->root.size()))
      best = &mount;
  if (!best) return std::nullopt;
  const int version = controllers.empty() ? 2 : 1;
  return CgroupMembership{version, std::move(controllers), best->point, *below(path, best->root)};
}

bool is_marked(const Root& root, const std::string& directory) {
  for (const auto* name : {"trusted.delegate", "user.delegate"})
    if (const auto value = read_attribute(root, directory, name); value && *value == "1") return true;
  const auto facts = root.stat(directory);
  return facts && facts->stx_uid != 0 && facts->stx_uid == ::geteuid();
}

}  // namespace

std::string CgroupMembership::directory(std::string_view of) const {
  return of == "/" ? mount_point : fmt::format("{}{}", mount_point, of);
}

bool CgroupMembership::has(std::string_view controller) const {
  return std::ranges::find(controllers, controller) != controllers.end();
}

std::vector<CgroupMembership> parse_cgroup_memberships(std::string_view mountinfo, std::string_view groups) {
  const auto table = parse_mountinfo(mountinfo);
  std::vector<CgroupMembership> all;
  for (auto line : Lines(groups)) {
    const auto number = take_until(line, ':');
    std::vector<std::string> controllers;
    for (const auto name : split(take_until(line, ':'), ','))
      if (!name.empty()) controllers.emplace_back(name);
    if (controllers.empty() != (number == "0") || !line.starts_with('/')) continue;
    if (auto found = find_mounted(table, std::move(controllers), line)) all.push_back(std::move(*found));
  }
  return all;
}

Result<std::vector<CgroupMembership>> cgroup_memberships(const Root& root) {
  const auto mountinfo = TRY(root.read("/proc/self/mountinfo"));
  const auto groups = TRY(root.read("/proc/self/cgroup"));
  return parse_cgroup_memberships(mountinfo.bytes, groups.bytes);
}

std::optional<std::string> parent_group(std::string_view group) {
  if (group == "/") return std::nullopt;
  return std::string(group.substr(0, std::max<std::size_t>(group.rfind('/'), 1)));
}

CgroupDelegation cgroup_delegation(const Root& root, const std::vector<CgroupMembership>& memberships) {
  using Kind = CgroupDelegation::Kind;
  if (!root.exists("/run/systemd/system")) return {};
  bool managed = false;
  // Hybrid hosts have units in both, and marks in either.
  for (const auto& one : memberships) {
    if (one.version == 1 && !one.has("name=systemd")) continue;
    std::optional<std::string> uppermost;
    for (std::optional<std::string> group = one.group; group && group != "/"; group = parent_group(*group)) {
      managed = true;
      if (is_marked(root, one.directory(*group))) uppermost = group;
    }
    if (uppermost) return {Kind::delegated, *uppermost};
  }
  return {managed ? Kind::managed : Kind::free, {}};
}

}  // namespace osprey::linux
