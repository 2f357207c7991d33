#include "linux/files/sysctl_d.h"

#include <fnmatch.h>

#include <array>
#include <ranges>

#include "base/text.h"

namespace osprey::linux {
namespace {

// net.ipv4.conf.eth0/100.forwarding → net/ipv4/conf/eth0.100/forwarding; what begins with a slash separator stays.
std::string as_path(std::string_view name) {
  std::string path(name);
  const auto first = path.find_first_of("./");
  if (first != std::string::npos && path[first] == '.') {
    for (auto& c : path) {
      if (c == '.')
        c = '/';
      else if (c == '/')
        c = '.';
    }
  }
  return path;
}

bool is_glob(std::string_view path) noexcept { return path.find_first_of("*?[") != path.npos; }

}  // namespace

std::vector<SysctlSetting> parse_sysctl_d(std::string_view text) {
  std::vector<SysctlSetting> settings;
  for (auto line : Lines(text)) {
    line = trim(line);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    const bool assigns = line.find('=') != line.npos;
    auto name = trim(take_until(line, '='));
    const bool dash = name.starts_with('-');  // with a value: a failure to set it is no error
    if (dash) name = trim_left(name.substr(1));
    if (name.empty() || (!assigns && !dash)) continue;
    settings.push_back({as_path(name), assigns ? std::optional(std::string(trim(line))) : std::nullopt});
  }
  return settings;
}

void SysctlConfiguration::add(std::vector<SysctlSetting> settings) {
  for (auto& setting : settings) {
    if (is_glob(setting.path))
      by_glob_.push_back(std::move(setting));
    else
      by_name_.insert_or_assign(std::move(setting.path), std::move(setting.value));
  }
}

std::optional<std::string_view> SysctlConfiguration::value(const std::string& path) const {
  if (const auto named = by_name_.find(path); named != by_name_.end()) {
    if (!named->second) return std::nullopt;
    return *named->second;
  }
  for (const auto& setting : std::views::reverse(by_glob_)) {
    if (::fnmatch(setting.path.c_str(), path.c_str(), FNM_PATHNAME | FNM_PERIOD) != 0) continue;
    if (!setting.value) return std::nullopt;
    return *setting.value;
  }
  return std::nullopt;
}

SysctlFiles read_sysctl_files(const Root& root) {
  static constexpr std::array kDirectories = {"/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d",
                                              "/usr/lib/sysctl.d", "/lib/sysctl.d"};
  SysctlFiles files;
  std::map<std::string, std::string> paths;  // by name; the first directory's stays
  for (const std::string directory : kDirectories) {
    const auto entries = root.list(directory);
    if (!entries) {
      if (!entries.error().absent()) files.errors.push_back(entries.error());
      continue;
    }
    for (const auto& entry : *entries)
      if (entry.name.ends_with(".conf")) paths.emplace(entry.name, directory + "/" + entry.name);
  }
  const auto read = [&](const std::string& path) {
    // A link to /dev/null masks a file of that name in the directories that follow.
    if (const auto target = root.read_link(path); target && *target == "/dev/null") return;
    const auto content = root.read(path);
    if (content)
      files.configuration.add(parse_sysctl_d(content->bytes));
    else if (!content.error().absent())
      files.errors.push_back(content.error());
  };
  for (const auto& [name, path] : paths) read(path);
  read("/etc/sysctl.conf");
  return files;
}

}  // namespace osprey::linux
