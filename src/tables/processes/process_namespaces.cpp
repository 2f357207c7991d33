// The namespaces that each process lives in (namespaces(7)).
#include "tables/processes/asked_processes.h"

namespace osprey::tables {
namespace {

using linux::Process;

// A link's text as the name of a directory entry below /proc/PID; a template argument for the columns.
template <std::size_t n>
struct Name {
  constexpr Name(const char (&text)[n]) { std::copy_n(text, n, characters); }  // NOLINT: literals convert
  char characters[n];
};

// Processes that are ending have left most of theirs; older kernels lack some: NULL.
template <Name name>
Result<std::string> inode(Process& process) {
  return transform(process.namespace_inode(name.characters), [](std::uint64_t inode) { return std::to_string(inode); });
}

Rows<Process> scan(const Scan& scan) {
  const auto proc = scan.take(linux::Proc::open(scan.root()));
  if (!proc) co_return;
  for (const auto pid : asked_pids(scan, *proc)) {
    if (scan.interrupted()) co_return;
    Process process(*proc, pid);
    if (const auto opened = process.open(); !opened) {
      scan.warn(opened.error());
      continue;
    }
    co_yield process;
  }
}

}  // namespace

Table process_namespaces() {
  return table("process_namespaces", "The namespaces that each process lives in, by inode number.", scan)
      .column("pid", INTEGER, &Process::pid, "Process id.", INDEX | OPTIMIZED)
      .column("cgroup_namespace", TEXT, inode<"ns/cgroup">, "Its cgroup namespace: which group it takes for the root.")
      .column("ipc_namespace", TEXT, inode<"ns/ipc">, "Its namespace of System V IPC and POSIX message queues.")
      .column("mnt_namespace", TEXT, inode<"ns/mnt">, "Its mount namespace.")
      .column("net_namespace", TEXT, inode<"ns/net">, "Its network namespace.")
      .column("pid_namespace", TEXT, inode<"ns/pid">, "Its namespace of process ids.")
      .column("user_namespace", TEXT, inode<"ns/user">, "Its user namespace.")
      .column("uts_namespace", TEXT, inode<"ns/uts">, "Its namespace of host and domain name.")
      .column("time_namespace", TEXT, inode<"ns/time">, "Its time namespace.", HIDDEN)
      .column("pid_for_children", TEXT, inode<"ns/pid_for_children">,
              "The namespace of process ids that its next child will be in.", HIDDEN)
      .example("SELECT net_namespace, count(*) AS processes FROM process_namespaces GROUP BY net_namespace")
      .example(
          "SELECT p.pid, p.name FROM processes p JOIN process_namespaces n USING (pid) "
          "WHERE n.mnt_namespace != (SELECT mnt_namespace FROM process_namespaces WHERE pid = 1)");
}

}  // namespace osprey::tables
