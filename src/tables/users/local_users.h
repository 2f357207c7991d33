// Whose home directories a user-based table looks into.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "linux/files/passwd.h"
#include "tables/table.h"

namespace osprey::tables {

// The local accounts (/etc/passwd of the scan's root) with the asked `uid`s, in the file's order; without a constraint
// the account of the user who asks. The bridge has warned then (Table::user_based). Of several names for one user id
// and home, the first.
std::vector<linux::PasswdEntry> asked_users(const Scan& scan);
// The same with all names, for what is kept by name and not by home.
std::vector<linux::PasswdEntry> asked_accounts(const Scan& scan);

// The path of `relative` below a user's home; empty where the account's home is no absolute path.
std::optional<std::string> in_home(const linux::PasswdEntry& user, std::string_view relative);

}  // namespace osprey::tables
