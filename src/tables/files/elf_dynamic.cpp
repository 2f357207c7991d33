#include "tables/files/elf_files.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

namespace elf = linux::elf;

struct Handle {
  elf::File::Dynamic& dynamic;
  std::string_view path;
  bool is_64;
  elf::DynamicEntry entry;
};

Rows<Handle> scan(const Scan& scan) {
  for (ElfFiles files(scan); files.next();) {
    auto dynamic = files.file().dynamic();
    if (!dynamic) continue;
    for (auto entry = dynamic->next(); entry && !scan.interrupted(); entry = dynamic->next()) {
      Handle handle{*dynamic, files.path(), files.file().header().is_64, *entry};
      co_yield handle;
    }
  }
}

}  // namespace

Table elf_dynamic() {
  return table("elf_dynamic", "What ELF files tell the dynamic linker: libraries they need, where to look for them.",
               scan)
      .column(
          "tag", INTEGER, [](const Handle& h) { return h.entry.tag; }, "Number of the kind of entry: DT_* of elf.h.")
      .column(
          "value", INTEGER, [](const Handle& h) { return h.entry.value; },
          "Its value: a number, an address, or where a text begins.")
      .column(
          "class", INTEGER, [](const Handle& h) { return h.is_64 ? 64 : 32; }, "32 or 64 bits.")
      .column("path", TEXT, &Handle::path, kPathHelp, INDEX | REQUIRED)
      .in_mount_namespaces()
      .with_mount_namespace_id()
      .column(
          "tag_name", [](const Handle& h) { return elf::dynamic_tag_name(h.entry.tag); },
          "The tag's name without DT_, such as NEEDED.", HIDDEN)
      .column(
          "text", [](const Handle& h) { return h.dynamic.text(h.entry); },
          "The text that the value stands for, in NEEDED, SONAME, RPATH, RUNPATH and their like.", HIDDEN)
      .example(
          "SELECT path, text FROM elf_dynamic WHERE path LIKE '/usr/local/bin/%' AND tag_name IN ('NEEDED', "
          "'RUNPATH')");
}

}  // namespace osprey::tables
