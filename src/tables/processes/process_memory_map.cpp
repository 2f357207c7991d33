// What is mapped into the address space of each process.
#include <fmt/format.h>

#include "base/text.h"
#include "linux/procfs/memory_map.h"
#include "tables/entries_of.h"
#include "tables/processes/asked_processes.h"

namespace osprey::tables {
namespace {

struct Handle {
  pid_t pid;
  linux::MemoryMapping mapping;

  std::string start() const { return "0x" + std::string(mapping.start); }
  std::string end() const { return "0x" + std::string(mapping.end); }
  bool pseudo() const { return mapping.inode == 0 && !mapping.path.empty(); }
};

Rows<Handle> scan(const Scan& scan) {
  const auto proc = scan.take(linux::Proc::open(scan.root()));
  if (!proc) co_return;
  for (const auto pid : asked_pids(scan, *proc)) {
    const auto text = scan.take(linux::Process(*proc, pid).memory_maps());
    if (!text) continue;
    int broken = 0;
    for (const auto line : Lines(*text)) {
      if (scan.interrupted()) co_return;
      const auto mapping = linux::parse_memory_mapping(line);
      if (!mapping) {
        ++broken;
        continue;
      }
      Handle handle{pid, *mapping};
      co_yield handle;
    }
    warn_skipped(scan, fmt::format("/proc/{}/maps", pid), broken);
  }
}

}  // namespace

Table process_memory_map() {
  return table("process_memory_map", "The mappings in the address space of each process.", scan)
      .column("pid", INTEGER, &Handle::pid, "Process id.", INDEX | OPTIMIZED)
      .column("start", TEXT, &Handle::start, "First address, in hexadecimal.")
      .column("end", TEXT, &Handle::end, "Address after the last, in hexadecimal.")
      .column(
          "permissions", TEXT, [](Handle& h) { return h.mapping.permissions; },
          "r readable, w writable, x executable, then p private or s shared.")
      .column(
          "offset", BIGINT, [](Handle& h) { return h.mapping.offset; }, "Where in the file it begins, in bytes.")
      .column(
          "device", TEXT, [](Handle& h) { return h.mapping.device; }, "Device of the file, major:minor in hexadecimal.")
      .column(
          "inode", INTEGER, [](Handle& h) { return h.mapping.inode; }, "Inode of the file; 0 without one.")
      .column(
          "path", TEXT, [](Handle& h) { return h.mapping.path; },
          "The file, with \" (deleted)\" behind it if it was; or a name in brackets, such as [heap].")
      .column("pseudo", INTEGER, &Handle::pseudo, "1 for a named mapping that no file is behind.")
      .example("SELECT DISTINCT path FROM process_memory_map WHERE pid = 1 AND permissions LIKE '%x%'")
      .example("SELECT pid, start, path FROM process_memory_map WHERE permissions LIKE 'rwx%'")
      .note("Paths are whole; osquery cuts them at the first blank.");
}

}  // namespace osprey::tables
