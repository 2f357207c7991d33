#include <utmp.h>

#include "tables/users/utmp_rows.h"

namespace osprey::tables {
namespace {

using linux::UtmpRecord;

constexpr std::string_view kPath = "/var/log/wtmp";

Rows<UtmpRecord> scan(const Scan& scan) {
  auto file = scan.take(linux::UtmpFile::open(scan.root(), kPath));
  if (!file) co_return;
  while (auto record = next_record(scan, *file, kPath))
    if (record->type == USER_PROCESS || record->type == DEAD_PROCESS) co_yield *record;
}

std::string_view type_name(const UtmpRecord& record) {
  return record.type == USER_PROCESS ? "user-process" : "dead-process";
}

}  // namespace

Table last() {
  return table("last", "Logins and logouts on record, from /var/log/wtmp, oldest first.", scan)
      .column("username", TEXT, &UtmpRecord::user, "Login name; mostly empty on logout.")
      .column("tty", TEXT, &UtmpRecord::line, "Terminal, without /dev/.")
      .column("pid", INTEGER, &UtmpRecord::pid, "Process that logged the user in.")
      .column("type", INTEGER, &UtmpRecord::type, "Kind of record: 7 a login, 8 a logout.")
      .column("type_name", TEXT, type_name, "The kind in words: user-process or dead-process.")
      .column("time", INTEGER, &UtmpRecord::time, "When, in seconds since 1970.")
      .column("host", TEXT, &UtmpRecord::host, "Where the user came from, if remotely.")
      .cacheable()
      .example("SELECT username, host, datetime(time, 'unixepoch') AS at FROM last WHERE type = 7")
      .note("Hosts that log to systemd's journal or to wtmpdb only have no /var/log/wtmp: no rows there.");
}

}  // namespace osprey::tables
