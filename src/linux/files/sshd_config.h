// Where sshd looks for authorized keys: AuthorizedKeysFile of sshd_config(5).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/root.h"
#include "linux/files/passwd.h"

namespace osprey::linux {

// One AuthorizedKeysFile line that counts.
struct KeyFilesRule {
  std::vector<std::string> match;  // criteria of the Match block that it stands in; empty outside of any
  std::vector<std::string> files;  // as written, with %h, %u, %U and %%
};

// Words of a line of sshd_config: separated by blanks or one "=", in double quotes where they have blanks.
std::vector<std::string> split_sshd_line(std::string_view line);

// /etc/ssh/sshd_config and what it includes, in order. No rules where there is no such file.
Result<std::vector<KeyFilesRule>> read_key_files_rules(const Root& root);

// The paths that may hold keys for `user`. Of the rules whose criteria are only about the user the first that fits
// replaces those outside blocks, as in sshd. Criteria about groups or the connection are not judged: paths under them
// are added as far as they name the user or lie in the home.
std::vector<std::string> key_files_of(const std::vector<KeyFilesRule>& rules, const PasswdEntry& user);

}  // namespace osprey::linux
