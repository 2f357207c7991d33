#include "linux/files/account_names.h"
#include "linux/files/set_id.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

// osquery's own list; privileged_files looks everywhere else.
constexpr std::array<const char*, 7> kFolders = {"/bin",           "/sbin",           "/usr/bin", "/usr/sbin",
                                                 "/usr/local/bin", "/usr/local/sbin", "/tmp"};

struct Program {
  linux::SetIdFile file;
  linux::AccountNames* names = nullptr;

  std::string_view path() const { return file.path; }
  std::string_view username() const { return names->user(file.uid); }
  std::string_view groupname() const { return names->group(file.gid); }
  std::string_view permissions() const {
    if (!file.set_user()) return "G";
    return file.set_group() ? "SG" : "S";
  }
};

Rows<Program> scan(const Scan& scan) {
  linux::AccountNames names(scan.root());
  for (const auto* folder : kFolders) {
    linux::SetIdWalk walk(scan.root(), folder, scan.service<linux::IoBudget>());
    while (!scan.interrupted()) {
      auto next = walk.next(scan.interrupt());
      if (!next) {
        scan.warn(next.error());
        continue;
      }
      if (!*next) break;
      Program program{std::move(**next), &names};
      co_yield program;
    }
  }
}

}  // namespace

Table suid_bin() {
  return table("suid_bin", "Programs in the usual folders that run with the rights of their owner or group.", scan)
      .column("path", TEXT, &Program::path, "Where it is; each way to it is a row of its own.")
      .column("username", TEXT, &Program::username, "Owner; the number where it has no name.")
      .column("groupname", TEXT, &Program::groupname, "Group; the number where it has no name.")
      .column("permissions", TEXT, &Program::permissions, "S for set-user-ID, G for set-group-ID, SG for both.")
      .in_mount_namespaces()
      .cacheable()
      .example("SELECT path, permissions FROM suid_bin WHERE username = 'root'")
      .note(
          "Looks below /bin, /sbin, /usr/bin, /usr/sbin, /usr/local/bin, /usr/local/sbin and /tmp, staying on the "
          "filesystem of each. git keeps no such bits: a live test against find(1) proves it.");
}

}  // namespace osprey::tables
