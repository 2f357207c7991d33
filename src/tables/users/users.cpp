#include "linux/nss/users.h"
#include "tables/entries_of.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

struct User {
  linux::PasswdEntry entry;
  bool remote = false;

  std::uint32_t uid() const { return entry.uid; }
  std::uint32_t gid() const { return entry.gid; }
  std::int32_t uid_signed() const { return static_cast<std::int32_t>(entry.uid); }
  std::int32_t gid_signed() const { return static_cast<std::int32_t>(entry.gid); }
};

std::vector<linux::PasswdEntry> remote_users(const Scan& scan) {
  if (!scan.root().is_host()) {
    scan.warn(failure("include_remote", "the name service switch knows the host's users only").error());
    return {};
  }
  std::vector<linux::PasswdEntry> entries;
  const auto add = [&](Result<std::vector<linux::PasswdEntry>> found) {
    if (auto users = scan.take(std::move(found))) std::ranges::move(*users, std::back_inserter(entries));
  };
  if (scan.integers("uid")) {
    for (const auto uid : scan.keys<uid_t>("uid", [] { return std::vector<uid_t>(); })) add(linux::nss_user(uid));
  } else if (const auto names = scan.texts("username")) {
    for (const auto& name : *names) add(linux::nss_user(name));
  } else {
    add(linux::nss_users());
  }
  return entries;
}

Rows<User> scan(const Scan& scan) {
  const auto asked = scan.integers("include_remote").value_or(std::vector<std::int64_t>{0});
  for (const bool remote : {false, true}) {
    if (std::ranges::find(asked, std::int64_t{remote}) == asked.end()) continue;
    for (auto& entry : remote ? remote_users(scan) : entries_of(scan, "/etc/passwd", linux::parse_passwd)) {
      if (!scan.matches("uid", std::int64_t{entry.uid}) || !scan.matches("username", entry.username)) continue;
      User user{std::move(entry), remote};
      co_yield user;
    }
  }
}

}  // namespace

Table users() {
  return table("users", "User accounts: those in /etc/passwd, and on request those of the name service switch.", scan)
      .column("uid", BIGINT, &User::uid, "User id.", INDEX)
      .column("gid", BIGINT, &User::gid, "Id of the primary group.")
      .column("uid_signed", BIGINT, &User::uid_signed, "User id read as a signed 32-bit number.")
      .column("gid_signed", BIGINT, &User::gid_signed, "Primary group id read as a signed 32-bit number.")
      .column(
          "username", TEXT, [](const User& u) -> std::string_view { return u.entry.username; }, "Login name.",
          ADDITIONAL)
      .column(
          "description", TEXT, [](const User& u) -> std::string_view { return u.entry.description; },
          "The comment (GECOS) field: full name and the like.")
      .column(
          "directory", TEXT, [](const User& u) -> std::string_view { return u.entry.directory; }, "Home directory.")
      .column(
          "shell", TEXT, [](const User& u) -> std::string_view { return u.entry.shell; }, "Login shell.")
      .column(
          "uuid", TEXT, [](const User&) { return std::optional<std::string>(); },
          "Unique id of a user on other platforms; NULL on Linux.", INDEX | NOCASE)
      .foreign(TEXT, {"type"})
      .foreign(INTEGER, {"is_hidden"})
      .in_mount_namespaces()
      .column("include_remote", INTEGER, &User::remote,
              "Set to 1 to ask the name service switch (LDAP, SSSD and the like) instead of /etc/passwd.",
              ADDITIONAL | HIDDEN)
      .example("SELECT username, shell FROM users WHERE uid = 0")
      .example("SELECT * FROM users WHERE include_remote = 1 AND username = 'alice'")
      .note(
          "Without include_remote = 1 only /etc/passwd is read: no name service module is loaded, nothing asks the "
          "network.");
}

}  // namespace osprey::tables
