#include "linux/files/known_hosts.h"

#include "tables/entries_of.h"
#include "tables/table.h"
#include "tables/users/local_users.h"

namespace osprey::tables {
namespace {

struct Host {
  std::uint32_t uid = 0;
  std::string_view key;
  std::string_view file;
};

Rows<Host> scan(const Scan& scan) {
  for (const auto& user : asked_users(scan)) {
    if (scan.interrupted()) co_return;
    const auto path = in_home(user, ".ssh/known_hosts");
    if (!path) continue;
    for (const auto& entry : entries_of(scan, *path, linux::parse_known_hosts)) {
      Host host{user.uid, entry, *path};
      co_yield host;
    }
  }
}

}  // namespace

Table known_hosts() {
  return table("known_hosts", "SSH host keys that users have accepted.", scan)
      .column("uid", BIGINT, &Host::uid, "User whose file it is.", INDEX | OPTIMIZED)
      .column("key", TEXT, &Host::key,
              "The whole entry: marker, host names or their hash, key type, public key and comment.")
      .column("key_file", TEXT, &Host::file, "File that the entry is in.")
      .user_based()
      .example("SELECT u.username, h.key FROM users u JOIN known_hosts h USING (uid)");
}

}  // namespace osprey::tables
