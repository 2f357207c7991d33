#include "tables/files/elf_files.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

namespace elf = linux::elf;

struct Handle {
  elf::File::Symbols& symbols;
  std::string_view path;
  std::string_view table;
  elf::Symbol symbol;
};

Rows<Handle> scan(const Scan& scan) {
  for (ElfFiles files(scan); files.next();) {
    auto& file = files.file();
    for (std::uint64_t i = 0; i < file.header().section_count && !scan.interrupted(); ++i) {
      const auto section = file.section(i);
      if (!section) break;
      auto symbols = file.symbols(i);
      if (!symbols) continue;
      const auto name = file.section_name(*section);
      for (auto symbol = symbols->next(); symbol && !scan.interrupted(); symbol = symbols->next()) {
        Handle handle{*symbols, files.path(), name, *symbol};
        co_yield handle;
      }
    }
  }
}

}  // namespace

Table elf_symbols() {
  return table("elf_symbols", "Symbols of ELF files, from the full table and from the one for dynamic linking.", scan)
      .column(
          "name", TEXT, [](const Handle& h) { return h.symbols.name(h.symbol); }, "The symbol's name, as stored.")
      .column(
          "addr", INTEGER, [](const Handle& h) { return h.symbol.value; },
          "Its value: an address, or an offset in its section.")
      .column(
          "size", INTEGER, [](const Handle& h) { return h.symbol.size; }, "Size of what it names, in bytes.")
      .column(
          "type", TEXT, [](const Handle& h) { return elf::symbol_type_name(h.symbol.type); },
          "notype, object, func, section, file, common, tls or gnu_ifunc.")
      .column(
          "binding", TEXT, [](const Handle& h) { return elf::symbol_binding_name(h.symbol.binding); },
          "local, global, weak or gnu_unique.")
      .column(
          "offset", INTEGER, [](const Handle& h) { return h.symbol.section; },
          "Index of the section it is in, 0 where it is undefined.")
      .column("table", TEXT, &Handle::table, "The section that lists it: .symtab or .dynsym.")
      .column("path", TEXT, &Handle::path, kPathHelp, INDEX | REQUIRED)
      .in_mount_namespaces()
      .with_mount_namespace_id()
      .column(
          "version", [](const Handle& h) { return h.symbols.version(); },
          "The version it is bound to or defined with, such as GLIBC_2.34.", HIDDEN)
      .example("SELECT name, version FROM elf_symbols WHERE path = '/usr/bin/ls' AND \"table\" = '.dynsym'");
}

}  // namespace osprey::tables
