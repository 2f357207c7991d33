// Accounts as the name service switch has them (nss(5)): LDAP, SSSD and the like beside the local files. Asking loads
// the switch's modules into this process and may talk to the network, so only a query that asks for it comes here.
#pragma once

#include <string>
#include <vector>

#include "linux/files/passwd.h"

namespace osprey::linux {

// Everything that getpwent(3) enumerates. One caller at a time; the others wait.
Result<std::vector<PasswdEntry>> nss_users();
// The account with this id or name, or none.
Result<std::vector<PasswdEntry>> nss_user(uid_t uid);
Result<std::vector<PasswdEntry>> nss_user(const std::string& username);

}  // namespace osprey::linux
