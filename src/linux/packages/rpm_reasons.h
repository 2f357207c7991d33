// Why packages were installed, which rpm does not know and its front ends remember: dnf 5 (packages.toml), dnf 4
// (history.sqlite) and zypper (AutoInstalled).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/interrupt.h"
#include "base/result.h"
#include "base/root.h"

namespace osprey::linux {

// By "name.arch", or by name alone where the front end keeps no more: "user", "dependency", "weak-dependency",
// "group", "external-user".
using RpmReasons = std::map<std::string, std::string, std::less<>>;

// dnf 5: lines of `"name.arch" = {reason = "Weak Dependency"}`.
RpmReasons parse_dnf5_packages(std::string_view text);
// zypper: a name a line, of what was installed because others needed it.
RpmReasons parse_zypper_auto_installed(std::string_view text);

// From the first front end that keeps a record here; an absent() error where none does.
Result<RpmReasons> read_rpm_reasons(const Root& root, const Interrupt& interrupt);
// Empty where nothing is remembered of the package.
std::optional<std::string_view> rpm_reason(const RpmReasons& reasons, std::string_view name, std::string_view arch);

}  // namespace osprey::linux
