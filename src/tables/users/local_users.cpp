#include "tables/users/local_users.h"

#include <unistd.h>

namespace osprey::tables {

std::vector<linux::PasswdEntry> asked_accounts(const Scan& scan) {
  auto accounts = scan.take(linux::read_passwd(scan.root()));
  if (!accounts) return {};
  const auto asked = scan.keys<std::int64_t>("uid", [] { return std::vector<std::int64_t>{::geteuid()}; });
  std::erase_if(accounts->entries,
                [&](const auto& entry) { return std::ranges::find(asked, std::int64_t{entry.uid}) == asked.end(); });
  return std::move(accounts->entries);
}

std::vector<linux::PasswdEntry> asked_users(const Scan& scan) {
  auto users = asked_accounts(scan);
  std::set<std::pair<uid_t, std::string>> seen;
  std::erase_if(users, [&](const auto& user) { return !seen.emplace(user.uid, user.directory).second; });
  return users;
}

std::optional<std::string> in_home(const linux::PasswdEntry& user, std::string_view relative) {
  if (!user.directory.starts_with('/')) return std::nullopt;
  std::string path = user.directory;
  if (!path.ends_with('/')) path += '/';
  return path.append(relative);
}

}  // namespace osprey::tables
