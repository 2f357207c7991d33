// /etc/passwd and /etc/group (passwd(5), group(5)), read as files: NSS is not asked.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/root.h"

namespace osprey::linux {

struct PasswdEntry {
  std::string username;
  uid_t uid = 0;
  gid_t gid = 0;
  std::string description;
  std::string directory;
  std::string shell;
};

struct GroupEntry {
  std::string groupname;
  gid_t gid = 0;
  std::vector<std::string> members;
};

// Lines with too few fields, a number that is none, and NIS lines (+, -) are skipped and counted in `skipped`.
template <class Entry>
struct Accounts {
  std::vector<Entry> entries;
  std::size_t skipped = 0;
};
// Whether a line of these files (shadow(5) too) has an account of this host: not blank, not a comment, not a NIS line.
bool is_account_line(std::string_view line) noexcept;

Accounts<PasswdEntry> parse_passwd(std::string_view text);
Accounts<GroupEntry> parse_group(std::string_view text);

Result<Accounts<PasswdEntry>> read_passwd(const Root& root);
Result<Accounts<GroupEntry>> read_group(const Root& root);

}  // namespace osprey::linux
