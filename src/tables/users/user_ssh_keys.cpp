#include "linux/files/folder.h"
#include "linux/files/ssh_private_key.h"
#include "tables/table.h"
#include "tables/users/local_users.h"

namespace osprey::tables {
namespace {

// No private key is as large; of other files this much is enough to see that they hold none.
constexpr std::size_t kCap = 256 << 10;

struct KeyFile {
  std::uint32_t uid = 0;
  std::string path;
  linux::PrivateKey key;
};

Rows<KeyFile> scan(const Scan& scan) {
  for (const auto& user : asked_users(scan)) {
    const auto folder = in_home(user, ".ssh/");
    if (!folder) continue;
    const auto names = scan.take(linux::file_names(scan.root(), *folder));
    if (!names) continue;
    for (const auto& name : *names) {
      if (scan.interrupted()) co_return;
      KeyFile file{user.uid, *folder + name, {}};
      if (!scan.matches("path", file.path)) continue;
      const auto content = scan.take(scan.root().read(file.path, kCap));
      if (!content) continue;
      auto key = linux::parse_private_key(content->bytes);
      if (!key) continue;
      file.key = std::move(*key);
      co_yield file;
    }
  }
}

}  // namespace

Table user_ssh_keys() {
  return table("user_ssh_keys", "Private keys in users' ~/.ssh: their kind and strength, never the keys.", scan)
      .column("uid", BIGINT, &KeyFile::uid, "User whose folder the key is in.", ADDITIONAL | OPTIMIZED)
      .column("path", TEXT, &KeyFile::path, "File that holds the key.", INDEX)
      .column(
          "encrypted", INTEGER, [](const KeyFile& f) { return f.key.encrypted; },
          "1 if a passphrase protects it, 0 if not; NULL where that cannot be told.")
      .column(
          "key_type", TEXT, [](const KeyFile& f) -> std::string_view { return f.key.type; },
          "rsa, dsa, dh, ec, ed25519, ecdsa-p256…; empty where an encrypted file does not tell.")
      .column(
          "key_group_name", TEXT, [](const KeyFile& f) -> std::string_view { return f.key.group; },
          "OpenSSL's name of the curve, such as prime256v1; empty for other kinds.")
      .column(
          "key_length", INTEGER, [](const KeyFile& f) { return f.key.length; },
          "Size of the key in bits; -1 where it is not told.")
      .column(
          "key_security_bits", INTEGER, [](const KeyFile& f) { return f.key.security_bits; },
          "Strength in bits as NIST SP 800-57 rates it; -1 where it is not told.")
      .in_mount_namespaces()
      .user_based()
      .example("SELECT u.username, k.path FROM users u JOIN user_ssh_keys k USING (uid) WHERE k.encrypted = 0");
}

}  // namespace osprey::tables
