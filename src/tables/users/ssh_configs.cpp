#include "linux/files/ssh_config.h"

#include "tables/entries_of.h"
#include "tables/table.h"
#include "tables/users/local_users.h"

namespace osprey::tables {
namespace {

struct Setting {
  std::uint32_t uid = 0;
  linux::SshOption option;
  std::string_view file;
};

// Whose settings, and the file they are in.
using File = std::pair<std::uint32_t, std::string>;

std::vector<File> files(const Scan& scan) {
  std::vector<File> found;
  for (const auto& user : asked_users(scan))
    if (auto path = in_home(user, ".ssh/config")) found.emplace_back(user.uid, std::move(*path));
  // As in osquery the system's settings are root's.
  if (scan.matches("uid", std::int64_t{0})) found.emplace_back(0, "/etc/ssh/ssh_config");
  return found;
}

Rows<Setting> scan(const Scan& scan) {
  for (const auto& [uid, path] : files(scan)) {
    if (scan.interrupted()) co_return;
    for (auto& option : entries_of(scan, path, linux::parse_ssh_config)) {
      Setting setting{uid, std::move(option), path};
      co_yield setting;
    }
  }
}

}  // namespace

Table ssh_configs() {
  return table("ssh_configs", "Settings of the SSH client: users' own, and the system's under user id 0.", scan)
      .column("uid", BIGINT, &Setting::uid, "User whose settings they are; 0 for the system's.", ADDITIONAL | OPTIMIZED)
      .column(
          "block", TEXT, [](const Setting& s) -> std::string_view { return s.option.block; },
          "The Host or Match line that the setting stands under, in lower case; empty above the first.")
      .column(
          "option", TEXT, [](const Setting& s) -> std::string_view { return s.option.option; },
          "The setting with its arguments, in lower case.")
      .column("ssh_config_file", TEXT, &Setting::file, "File that the setting is in.")
      .user_based()
      .example(
          "SELECT u.username, c.block, c.option FROM users u JOIN ssh_configs c USING (uid) "
          "WHERE c.option LIKE 'forwardagent%'");
}

}  // namespace osprey::tables
