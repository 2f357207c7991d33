// The files that each process has open. Links are read, what they point to is not touched.
#include "tables/processes/asked_processes.h"

namespace osprey::tables {
namespace {

struct Handle {
  pid_t pid;
  int fd;
  std::string_view path;
};

Rows<Handle> scan(const Scan& scan) {
  const auto proc = scan.take(linux::Proc::open(scan.root()));
  if (!proc) co_return;
  for (const auto pid : asked_pids(scan, *proc)) {
    const linux::Process process(*proc, pid);
    auto descriptors = scan.take(linux::Descriptors::open(process));
    if (!descriptors) continue;
    for (const auto number : descriptors->numbers()) {
      if (scan.interrupted()) co_return;
      Handle handle{pid, number, descriptors->target(number)};
      if (handle.path.starts_with('/')) co_yield handle;
    }
  }
}

}  // namespace

Table process_open_files() {
  return table("process_open_files", "The files, directories and devices that each process has open.", scan)
      .column("pid", BIGINT, &Handle::pid, "Process id.", INDEX)
      .column("fd", BIGINT, &Handle::fd, "Number of the file descriptor.")
      .column("path", TEXT, &Handle::path, "Path of the file, with \" (deleted)\" behind it if it is gone.")
      .example("SELECT fd, path FROM process_open_files WHERE pid = 1")
      .example(
          "SELECT p.name, f.path FROM process_open_files f JOIN processes p USING (pid) WHERE f.path LIKE '/var/log/%'")
      .note("Sockets and pipes have tables of their own.");
}

}  // namespace osprey::tables
