// /etc/passwd and /etc/group (passwd(5), group(5)), read as files: NSS is not asked.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/root.h"
#include "linux/files/parsed.h"

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

// Whether a line of these files (shadow(5) too) has an account of this host: not blank, not a comment, not a NIS line.
bool is_account_line(std::string_view line) noexcept;

// Lines with too few fields, a number that is none, and those of NIS (+, -) are left out; all but NIS's are counted.
Parsed<PasswdEntry> parse_passwd(std::string_view text);
Parsed<GroupEntry> parse_group(std::string_view text);

Result<Parsed<PasswdEntry>> read_passwd(const Root& root);
Result<Parsed<GroupEntry>> read_group(const Root& root);

}  // namespace osprey::linux
