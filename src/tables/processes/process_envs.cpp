// The environment that each process was started with.
#include "base/text.h"
#include "sql/functions/hashing.h"
#include "tables/processes/asked_processes.h"
#include "tables/secrets.h"

namespace osprey::tables {
namespace {

struct Handle {
  pid_t pid;
  std::string_view key;
  std::string_view value;
  bool redacted = false;

  std::string_view shown_value() const { return redacted ? kRedacted : value; }
  Result<std::string> value_sha256() const {
    return transform(sql::digest(value, EVP_sha256()), [](const std::string& digest) { return hex(digest); });
  }
};

Rows<Handle> scan(const Scan& scan) {
  const auto proc = scan.take(linux::Proc::open(scan.root()));
  if (!proc) co_return;
  for (const auto pid : asked_pids(scan, *proc)) {
    if (scan.interrupted()) co_return;
    const auto text = scan.take(linux::Process(*proc, pid).environment());
    if (!text) continue;
    // KEY=VALUE, each ended by a NUL. What follows an empty one is no environment: a process may write over it.
    std::string_view rest = *text;
    for (auto variable = take_until(rest, '\0'); !variable.empty(); variable = take_until(rest, '\0')) {
      Handle handle{pid, {}, variable};
      handle.key = take_until(handle.value, '=');
      // osquery shows them (R9).
      handle.redacted = !scan.osquery_compatible() && names_secret(handle.key);
      co_yield handle;
    }
  }
}

}  // namespace

Table process_envs() {
  return table("process_envs", "The environment variables that each process was started with.", scan)
      .column("pid", INTEGER, &Handle::pid, "Process id.", INDEX | OPTIMIZED)
      .column("key", TEXT, &Handle::key, "Name of the variable.")
      .column("value", TEXT, &Handle::shown_value,
              "Its value; (redacted) where the name says that it is a password, token, key or the like.")
      .column("redacted", INTEGER, &Handle::redacted, "1 if the value is not shown.", HIDDEN)
      .column("value_sha256", TEXT, &Handle::value_sha256,
              "SHA-256 of the value, also of one that is not shown: to see a change.", HIDDEN)
      .example("SELECT value FROM process_envs WHERE pid = 1 AND key = 'PATH'")
      .example(
          "SELECT p.pid, p.name, e.value FROM process_envs e JOIN processes p USING (pid) WHERE e.key = 'LD_PRELOAD'")
      .note("What a process changed in its environment after its start is not seen.");
}

}  // namespace osprey::tables
