#include <elf.h>

#include "base/text.h"
#include "tables/files/elf_files.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

namespace elf = linux::elf;

struct Handle {
  elf::File& file;
  std::string_view path;

  // A field of the header, where the file is long enough to have it.
  template <auto member>
  auto field() const {
    const auto& header = file.header();
    return header.complete ? std::optional(header.*member) : std::nullopt;
  }
  std::optional<std::string> type() const {
    const auto& header = file.header();
    return header.complete ? std::optional(elf::file_type_name(header.type)) : std::nullopt;
  }
  std::optional<std::string> build_id() const {
    const auto id = file.build_id();
    return id ? std::optional(hex(*id)) : std::nullopt;
  }
};

Rows<Handle> scan(const Scan& scan) {
  for (ElfFiles files(scan); files.next();) {
    Handle handle{files.file(), files.path()};
    co_yield handle;
  }
}

}  // namespace

Table elf_info() {
  return table("elf_info", "Headers of ELF files: programs, libraries, kernel modules, core files.", scan)
      .column(
          "class", TEXT, [](const Handle& h) { return h.file.header().is_64 ? "64" : "32"; }, "32 or 64 bits.")
      .column(
          "abi", TEXT, [](const Handle& h) { return elf::abi_name(h.file.header().abi); },
          "The operating system whose conventions it keeps: sysv, gnu, freebsd…")
      .column(
          "abi_version", INTEGER, [](const Handle& h) { return h.file.header().abi_version; },
          "Version of those conventions.")
      .column("type", TEXT, &Handle::type, "rel, exec, dyn or core; position-independent programs are dyn.")
      .column("machine", INTEGER, &Handle::field<&elf::Header::machine>,
              "Number of the processor architecture: EM_* of elf.h.")
      .column("version", INTEGER, &Handle::field<&elf::Header::version>, "Version of the file format, 1.")
      .column("entry", BIGINT, &Handle::field<&elf::Header::entry>, "Address where execution begins.")
      .column("flags", INTEGER, &Handle::field<&elf::Header::flags>, "Flags of the processor architecture.")
      .column("path", TEXT, &Handle::path, kPathHelp, INDEX | REQUIRED)
      .in_mount_namespaces()
      .with_mount_namespace_id()
      .column(
          "interpreter", [](const Handle& h) { return h.file.interpreter(); },
          "The program that loads it, where it asks for one.", HIDDEN)
      .column("build_id", &Handle::build_id, "Id that the linker gave this build, in hexadecimal.", HIDDEN)
      .column(
          "stripped", [](const Handle& h) { return !h.file.find_section(SHT_SYMTAB); },
          "1 if it has no symbol table but the one for dynamic linking.", HIDDEN)
      .example("SELECT path, type, interpreter, build_id FROM elf_info WHERE path LIKE '/usr/local/bin/%'");
}

}  // namespace osprey::tables
