// Control groups by the number that the kernel knows them by: its programs tell it, and it is their folder's inode.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/mountinfo.h"
#include "base/unique_fd.h"

namespace osprey::linux {

// A mounted hierarchy of this host. Numbers are its own, and none is given twice.
class CgroupHierarchy {
 public:
  // That of v2, or of v1 the one that has `controller`. Empty: it is mounted nowhere as a whole.
  static std::optional<CgroupHierarchy> unified(const MountTable& mounts);
  static std::optional<CgroupHierarchy> of(const MountTable& mounts, std::string_view controller);

  // Of its uppermost folder, open for reading.
  int descriptor() const noexcept { return top_.get(); }
  // Of the group "/" or "/system.slice/a.service"; empty: there is none.
  std::optional<std::uint64_t> number(std::string_view group) const;
  // The group of a number; empty: there is none any more, or we may not ask (CAP_DAC_READ_SEARCH).
  std::optional<std::string> group(std::uint64_t number) const;

 private:
  static std::optional<CgroupHierarchy> open(const Mount& mount);
  CgroupHierarchy(std::string point, UniqueFd top) : point_(std::move(point)), top_(std::move(top)) {}

  std::string point_;
  UniqueFd top_;
};

}  // namespace osprey::linux
