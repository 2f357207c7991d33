#include <utmp.h>

#include "tables/users/utmp_rows.h"

namespace osprey::tables {
namespace {

using linux::UtmpRecord;

std::string_view type(const UtmpRecord& record) {
  switch (record.type) {
    case EMPTY:
      return "empty";
    case RUN_LVL:
      return "runlevel";
    case BOOT_TIME:
      return "boot_time";
    case NEW_TIME:
      return "new_time";
    case OLD_TIME:
      return "old_time";
    case INIT_PROCESS:
      return "init";
    case LOGIN_PROCESS:
      return "login";
    case USER_PROCESS:
      return "user";
    case DEAD_PROCESS:
      return "dead";
    case ACCOUNTING:
      return "accounting";
    default:
      return "unknown";
  }
}

Rows<UtmpRecord> scan(const Scan& scan) {
  std::string_view path = "/run/utmp";
  auto opened = linux::UtmpFile::open(scan.root(), path);
  if (!opened && opened.error().absent()) {
    path = "/var/run/utmp";
    opened = linux::UtmpFile::open(scan.root(), path);
  }
  auto file = scan.take(std::move(opened));
  if (!file) co_return;
  while (auto record = next_record(scan, *file, path)) {
    if (record->pid == 1) continue;  // as osquery: what init says of itself
    co_yield *record;
  }
}

}  // namespace

Table logged_in_users() {
  return table("logged_in_users", "Who is logged in, from the records in /run/utmp.", scan)
      .column("type", TEXT, type, "Kind of record: user, login, init, boot_time, runlevel, dead…")
      .column("user", TEXT, &UtmpRecord::user, "Login name.")
      .column("tty", TEXT, &UtmpRecord::line, "Terminal, without /dev/.")
      .column("host", TEXT, &UtmpRecord::host, "Where the user came from; the kernel's version in boot records.")
      .column("time", BIGINT, &UtmpRecord::time, "When the record was made, in seconds since 1970.")
      .column("pid", INTEGER, &UtmpRecord::pid, "Process that made the login.")
      .foreign(TEXT, {"sid", "registry_hive"})
      .cacheable()
      .example("SELECT user, tty, host FROM logged_in_users WHERE type = 'user'")
      .note("Hosts without /run/utmp (systemd built without it, musl) have no rows.");
}

}  // namespace osprey::tables
