#include "linux/files/shadow.h"

#include "tables/entries_of.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

using linux::ShadowEntry;

Rows<ShadowEntry> scan(const Scan& scan) {
  for (auto& entry : entries_of(scan, "/etc/shadow", linux::parse_shadow))
    if (scan.matches("username", entry.username)) co_yield entry;
}

}  // namespace

Table shadow() {
  return table("shadow", "State and ageing of local passwords, from /etc/shadow; never the hashes themselves.", scan)
      .column(
          "password_status", TEXT, [](const ShadowEntry& e) { return linux::name(e.status); },
          "active, empty (no password is asked for), locked, or not_set (it never had one).")
      .column("hash_alg", TEXT, &ShadowEntry::hash_algorithm,
              "Id of the hash method as crypt(5) has it between dollars: y, 6, 2b…; NULL where there is none.")
      .column("last_change", BIGINT, &ShadowEntry::last_change, "Day of the last change, in days since 1970-01-01.")
      .column("min", BIGINT, &ShadowEntry::min, "Days that must pass before the password may be changed.")
      .column("max", BIGINT, &ShadowEntry::max, "Days after which the password must be changed.")
      .column("warning", BIGINT, &ShadowEntry::warning, "Days before expiry at which the user is warned.")
      .column("inactive", BIGINT, &ShadowEntry::inactive, "Days after expiry at which the account is disabled.")
      .column("expire", BIGINT, &ShadowEntry::expire, "Day on which the account ends, in days since 1970-01-01.")
      .column("flag", BIGINT, &ShadowEntry::flag, "The reserved last field.")
      .column("username", TEXT, &ShadowEntry::username, "Login name.", INDEX | OPTIMIZED)
      .example("SELECT username FROM shadow WHERE password_status = 'empty'")
      .example("SELECT username, hash_alg FROM shadow WHERE hash_alg IN ('1', '5')");
}

}  // namespace osprey::tables
