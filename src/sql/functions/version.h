// The order of version strings.
#pragma once

#include <optional>
#include <string_view>

namespace osprey::sql {

enum class VersionFlavour {
  generic,  // osquery's own order, for what has no package manager
  arch,     // as pacman orders (vercmp(8))
  dpkg,     // as dpkg orders (deb-version(7))
  rhel,     // as rpm orders (rpm-version(7))
  // What osquery makes of the three, under its own names only: epochs by the position of the colon, and more.
  osquery_arch,
  osquery_dpkg,
  osquery_rhel,
};

// ARCH, DPKG or RHEL in any case.
std::optional<VersionFlavour> version_flavour(std::string_view name, bool osquery_compatible);

// Below, at or above zero as `a` is older than, as old as or newer than `b`. Takes any bytes. A version
// without a release is older than, or as old as, the same with one.
int compare_versions(std::string_view a, std::string_view b, VersionFlavour flavour) noexcept;

}  // namespace osprey::sql
