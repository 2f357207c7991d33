// Names of user and group ids, as the root's own /etc/passwd and /etc/group have them.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <unordered_map>

#include "base/root.h"

namespace osprey::linux {

// Reads each file once, when a name of its kind is first asked for. Not for several threads.
class AccountNames {
 public:
  explicit AccountNames(Root root) : root_(std::move(root)) {}

  // The first account with that id; the number itself where there is none, as ls(1) shows it.
  const std::string& user(uid_t uid);
  const std::string& group(gid_t gid);

 private:
  using Names = std::unordered_map<std::uint32_t, std::string>;

  Root root_;
  std::optional<Names> users_;
  std::optional<Names> groups_;
};

}  // namespace osprey::linux
