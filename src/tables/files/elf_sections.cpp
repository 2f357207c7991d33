#include "tables/files/elf_files.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

namespace elf = linux::elf;

struct Handle {
  elf::File& file;
  std::string_view path;
  const Interrupt& interrupt;
  elf::Section section;
};

Rows<Handle> scan(const Scan& scan) {
  for (ElfFiles files(scan); files.next();) {
    const auto count = files.file().header().section_count;
    for (std::uint64_t i = 0; i < count && !scan.interrupted(); ++i) {
      const auto section = files.file().section(i);
      if (!section) {
        scan.warn({0, files.path(), "claims sections beyond its end"});
        break;
      }
      Handle handle{files.file(), files.path(), scan.interrupt(), *section};
      co_yield handle;
    }
  }
}

}  // namespace

Table elf_sections() {
  return table("elf_sections", "Sections of ELF files.", scan)
      .column(
          "name", TEXT, [](const Handle& h) { return h.file.section_name(h.section); }, "The section's name.")
      .column(
          "type", INTEGER, [](const Handle& h) { return h.section.type; }, "What it holds: SHT_* of elf.h.")
      .column(
          "vaddr", INTEGER, [](const Handle& h) { return h.section.address; },
          "Address in memory, 0 where it is not loaded.")
      .column(
          "offset", INTEGER, [](const Handle& h) { return h.section.offset; }, "Where it begins in the file, in bytes.")
      .column(
          "size", INTEGER, [](const Handle& h) { return h.section.size; }, "Size in bytes, as stored.")
      .column(
          "flags", TEXT, [](const Handle& h) { return elf::section_flags(h.section.flags); },
          "Attributes such as write, alloc and execinstr, separated by |.")
      .column(
          "link", TEXT, [](const Handle& h) { return std::to_string(h.section.link); },
          "Index of the section that it refers to.")
      .column(
          "align", INTEGER, [](const Handle& h) { return h.section.alignment; }, "Alignment in memory, in bytes.")
      .column("path", TEXT, &Handle::path, kPathHelp, INDEX | REQUIRED)
      .in_mount_namespaces()
      .with_mount_namespace_id()
      .column(
          "entropy", [](const Handle& h) { return h.file.entropy(h.section, h.interrupt); },
          "Shannon entropy of what is stored, 0 to 8 bits a byte; near 8 it is packed or encrypted.", HIDDEN)
      .example("SELECT name, size, entropy FROM elf_sections WHERE path = '/usr/bin/ls' AND flags LIKE '%execinstr%'");
}

}  // namespace osprey::tables
