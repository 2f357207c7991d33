#include "tables/users/local_users.h"

#include <unistd.h>

namespace osprey::tables {

std::vector<linux::PasswdEntry> asked_users(const Scan& scan) {
  auto accounts = scan.take(linux::read_passwd(scan.root()));
  if (!accounts) return {};
  const auto asked = scan.keys<std::int64_t>("uid", [] { return std::vector<std::int64_t>{::geteuid()}; });
  std::erase_if(accounts->entries,
                [&](const auto& entry) { return std::ranges::find(asked, std::int64_t{entry.uid}) == asked.end(); });
  return std::move(accounts->entries);
}

}  // namespace osprey::tables
