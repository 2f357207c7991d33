#include "tables/files/elf_files.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

namespace elf = linux::elf;

struct Handle {
  std::string_view path;
  elf::Segment segment;
};

Rows<Handle> scan(const Scan& scan) {
  for (ElfFiles files(scan); files.next();) {
    const auto count = files.file().header().segment_count;
    for (std::uint64_t i = 0; i < count && !scan.interrupted(); ++i) {
      const auto segment = files.file().segment(i);
      if (!segment) {
        scan.warn({0, files.path(), "claims segments beyond its end"});
        break;
      }
      Handle handle{files.path(), *segment};
      co_yield handle;
    }
  }
}

}  // namespace

Table elf_segments() {
  return table("elf_segments", "Segments of ELF files: what is loaded to run them.", scan)
      .column(
          "name", TEXT, [](const Handle& h) { return elf::segment_type_name(h.segment.type); },
          "The kind of segment: load, dynamic, interp, GNU_STACK…")
      .column(
          "offset", INTEGER, [](const Handle& h) { return h.segment.offset; }, "Where it begins in the file, in bytes.")
      .column(
          "vaddr", INTEGER, [](const Handle& h) { return h.segment.address; }, "Address in memory.")
      .column(
          "psize", INTEGER, [](const Handle& h) { return h.segment.file_size; }, "Size in the file, in bytes.")
      .column(
          "msize", INTEGER, [](const Handle& h) { return h.segment.memory_size; }, "Size in memory, in bytes.")
      .column(
          "flags", TEXT, [](const Handle& h) { return elf::segment_flags(h.segment.flags); },
          "Rights in memory: x, w and r, separated by |.")
      .column(
          "align", INTEGER, [](const Handle& h) { return h.segment.alignment; }, "Alignment in memory, in bytes.")
      .column("path", TEXT, &Handle::path, kPathHelp, INDEX | REQUIRED)
      .in_mount_namespaces()
      .with_mount_namespace_id()
      .example(
          "SELECT path FROM elf_segments WHERE path LIKE '/usr/bin/%' AND name = 'GNU_STACK' AND flags LIKE '%x%'");
}

}  // namespace osprey::tables
