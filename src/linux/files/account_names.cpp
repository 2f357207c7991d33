#include "linux/files/account_names.h"

#include "linux/files/passwd.h"

namespace osprey::linux {
namespace {

const std::string& name_in(std::unordered_map<std::uint32_t, std::string>& names, std::uint32_t id) {
  return names.try_emplace(id, std::to_string(id)).first->second;
}

}  // namespace

const std::string& AccountNames::user(uid_t uid) {
  if (!users_) {
    users_.emplace();
    if (auto accounts = read_passwd(root_))
      for (auto& entry : accounts->entries) users_->try_emplace(entry.uid, std::move(entry.username));
  }
  return name_in(*users_, uid);
}

const std::string& AccountNames::group(gid_t gid) {
  if (!groups_) {
    groups_.emplace();
    if (auto accounts = read_group(root_))
      for (auto& entry : accounts->entries) groups_->try_emplace(entry.gid, std::move(entry.groupname));
  }
  return name_in(*groups_, gid);
}

}  // namespace osprey::linux
