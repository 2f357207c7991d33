// Whose home directories a user-based table looks into.
#pragma once

#include <vector>

#include "linux/files/passwd.h"
#include "tables/table.h"

namespace osprey::tables {

// The local accounts (/etc/passwd of the scan's root) with the asked `uid`s, in the file's order; without a constraint
// the account of the user who asks. The bridge has warned then (Table::user_based).
std::vector<linux::PasswdEntry> asked_users(const Scan& scan);

}  // namespace osprey::tables
