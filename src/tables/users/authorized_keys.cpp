#include "linux/files/authorized_keys.h"

#include "linux/files/sshd_config.h"
#include "tables/entries_of.h"
#include "tables/table.h"
#include "tables/users/local_users.h"

namespace osprey::tables {
namespace {

using linux::AuthorizedKey;

struct Key {
  AuthorizedKey entry;
  std::uint32_t uid = 0;
  std::string_view file;
};

// sshd's own defaults, looked into whatever its configuration says, then what that adds.
std::vector<std::string> key_files(const std::vector<linux::KeyFilesRule>& rules, const linux::PasswdEntry& user) {
  std::vector<std::string> paths;
  for (const auto* relative : {".ssh/authorized_keys", ".ssh/authorized_keys2"})
    if (auto path = in_home(user, relative)) paths.push_back(std::move(*path));
  for (auto& path : linux::key_files_of(rules, user))
    if (std::ranges::find(paths, path) == paths.end()) paths.push_back(std::move(path));
  return paths;
}

Rows<Key> scan(const Scan& scan) {
  const auto rules = scan.take(linux::read_key_files_rules(scan.root()));
  std::set<std::pair<uid_t, std::string>> seen;
  for (const auto& user : asked_accounts(scan)) {
    for (const auto& path : key_files(rules ? *rules : std::vector<linux::KeyFilesRule>{}, user)) {
      if (scan.interrupted()) co_return;
      if (!seen.emplace(user.uid, path).second) continue;
      for (auto& entry : entries_of(scan, path, linux::parse_authorized_keys)) {
        Key key{std::move(entry), user.uid, path};
        co_yield key;
      }
    }
  }
}

}  // namespace

Table authorized_keys() {
  return table("authorized_keys", "Public keys that may log in over SSH as a user.", scan)
      .column("uid", BIGINT, &Key::uid, "User that the key logs in as.", ADDITIONAL)
      .column(
          "algorithm", TEXT, [](const Key& k) -> std::string_view { return k.entry.algorithm; },
          "Kind of key: ssh-ed25519, ssh-rsa…")
      .column(
          "key", TEXT, [](const Key& k) -> std::string_view { return k.entry.key; }, "The public key in base64.")
      .column(
          "options", TEXT, [](const Key& k) -> const auto& { return k.entry.options; },
          "What the key may and may not do: command=, from=, no-pty…")
      .column(
          "comment", TEXT, [](const Key& k) -> const auto& { return k.entry.comment; },
          "What stands behind the key, mostly whose it is.")
      .column("key_file", TEXT, &Key::file, "File that the key is in.")
      .in_mount_namespaces()
      .column(
          "fingerprint_sha256", TEXT, [](const Key& k) { return k.entry.fingerprint_sha256(); },
          "Fingerprint as ssh-keygen -l prints it; NULL if the key is no base64.", HIDDEN)
      .column(
          "line", INTEGER, [](const Key& k) { return static_cast<std::int64_t>(k.entry.line); },
          "Line of the file, counted from 1.", HIDDEN)
      .user_based()
      .example("SELECT u.username, k.algorithm, k.comment FROM users u JOIN authorized_keys k USING (uid)")
      .note(
          "Files: ~/.ssh/authorized_keys and authorized_keys2, and those that AuthorizedKeysFile in sshd_config "
          "names.");
}

}  // namespace osprey::tables
