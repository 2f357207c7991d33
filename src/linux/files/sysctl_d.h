// The kernel settings that files ask for at boot (sysctl.d(5), sysctl.conf(5)).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/root.h"

namespace osprey::linux {

struct SysctlSetting {
  std::string path;                  // below /proc/sys, or a glob of such: "net/ipv4/conf/*/rp_filter"
  std::optional<std::string> value;  // empty: what is named is left out of the globs
};

// Comments (# and ;), blank lines and lines that are neither "name = value" nor "-name" are left out. Names may be
// written with dots or slashes; whichever separator stands first is the one between components.
std::vector<SysctlSetting> parse_sysctl_d(std::string_view text);

// What all the files together ask for. Of files with one name the first of /etc, /run, /usr/local/lib, /usr/lib and
// /lib counts; they are taken in the order of their names, /etc/sysctl.conf last, and the last setting wins. A setting
// by name is stronger than one by glob, wherever it stands.
class SysctlConfiguration {
 public:
  void add(std::vector<SysctlSetting> settings);
  // The value that `path`, below /proc/sys, is to have.
  std::optional<std::string_view> value(const std::string& path) const;

 private:
  std::map<std::string, std::optional<std::string>, std::less<>> by_name_;
  std::vector<SysctlSetting> by_glob_;
};

struct SysctlFiles {
  SysctlConfiguration configuration;
  std::vector<Error> errors;  // files that are there and could not be read
};
SysctlFiles read_sysctl_files(const Root& root);

}  // namespace osprey::linux
