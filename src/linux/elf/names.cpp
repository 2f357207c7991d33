#include <elf.h>
#include <fmt/format.h>

#include <span>

#include "linux/elf/elf_file.h"

namespace osprey::linux::elf {
namespace {

struct Name {
  std::uint64_t value;
  std::string_view name;
};

std::string name_of(std::uint64_t value, std::span<const Name> names) {
  for (const auto& one : names)
    if (one.value == value) return std::string(one.name);
  return fmt::format("{:#x}", value);
}

std::string flag_names(std::uint64_t flags, std::span<const Name> names) {
  std::string text;
  const auto add = [&](std::string_view name) {
    if (!text.empty()) text += '|';
    text += name;
  };
  for (const auto& one : names) {
    if (!(flags & one.value)) continue;
    add(one.name);
    flags &= ~one.value;
  }
  if (flags != 0) add(fmt::format("{:#x}", flags));
  return text;
}

}  // namespace

std::string abi_name(std::uint8_t abi) {
  static constexpr Name kNames[] = {{ELFOSABI_SYSV, "sysv"},       {ELFOSABI_HPUX, "hpux"},
                                    {ELFOSABI_NETBSD, "netbsd"},   {ELFOSABI_GNU, "gnu"},
                                    {ELFOSABI_SOLARIS, "solaris"}, {ELFOSABI_AIX, "aix"},
                                    {ELFOSABI_IRIX, "irix"},       {ELFOSABI_FREEBSD, "freebsd"},
                                    {ELFOSABI_TRU64, "tru64"},     {ELFOSABI_MODESTO, "modesto"},
                                    {ELFOSABI_OPENBSD, "openbsd"}, {ELFOSABI_ARM_AEABI, "arm_aeabi"},
                                    {ELFOSABI_ARM, "arm"},         {ELFOSABI_STANDALONE, "standalone"}};
  return name_of(abi, kNames);
}

std::string file_type_name(std::uint16_t type) {
  static constexpr Name kNames[] = {
      {ET_NONE, "none"}, {ET_REL, "rel"}, {ET_EXEC, "exec"}, {ET_DYN, "dyn"}, {ET_CORE, "core"}};
  return name_of(type, kNames);
}

std::string section_flags(std::uint64_t flags) {
  static constexpr Name kNames[] = {{SHF_WRITE, "write"},           {SHF_ALLOC, "alloc"},
                                    {SHF_EXECINSTR, "execinstr"},   {SHF_MERGE, "merge"},
                                    {SHF_STRINGS, "strings"},       {SHF_INFO_LINK, "info_link"},
                                    {SHF_LINK_ORDER, "link_order"}, {SHF_OS_NONCONFORMING, "os_nonconforming"},
                                    {SHF_GROUP, "group"},           {SHF_TLS, "tls"},
                                    {SHF_COMPRESSED, "compressed"}, {SHF_GNU_RETAIN, "gnu_retain"},
                                    {SHF_EXCLUDE, "exclude"}};
  return flag_names(flags, kNames);
}

std::string segment_type_name(std::uint32_t type) {
  static constexpr Name kNames[] = {{PT_NULL, "null"},
                                    {PT_LOAD, "load"},
                                    {PT_DYNAMIC, "dynamic"},
                                    {PT_INTERP, "interp"},
                                    {PT_NOTE, "note"},
                                    {PT_SHLIB, "shlib"},
                                    {PT_PHDR, "phdr"},
                                    {PT_TLS, "tls"},
                                    {PT_GNU_EH_FRAME, "GNU_EH_FRAME"},
                                    {PT_GNU_STACK, "GNU_STACK"},
                                    {PT_GNU_RELRO, "GNU_RELRO"},
                                    {PT_GNU_PROPERTY, "GNU_PROPERTY"}};
  return name_of(type, kNames);
}

std::string segment_flags(std::uint32_t flags) {
  static constexpr Name kNames[] = {{PF_X, "x"}, {PF_W, "w"}, {PF_R, "r"}};
  return flag_names(flags, kNames);
}

std::string symbol_type_name(std::uint8_t type) {
  static constexpr Name kNames[] = {{STT_NOTYPE, "notype"},   {STT_OBJECT, "object"},      {STT_FUNC, "func"},
                                    {STT_SECTION, "section"}, {STT_FILE, "file"},          {STT_COMMON, "common"},
                                    {STT_TLS, "tls"},         {STT_GNU_IFUNC, "gnu_ifunc"}};
  return name_of(type, kNames);
}

std::string symbol_binding_name(std::uint8_t binding) {
  static constexpr Name kNames[] = {
      {STB_LOCAL, "local"}, {STB_GLOBAL, "global"}, {STB_WEAK, "weak"}, {STB_GNU_UNIQUE, "gnu_unique"}};
  return name_of(binding, kNames);
}

std::string dynamic_tag_name(std::int64_t tag) {
  static constexpr Name kNames[] = {{DT_NULL, "NULL"},
                                    {DT_NEEDED, "NEEDED"},
                                    {DT_PLTRELSZ, "PLTRELSZ"},
                                    {DT_PLTGOT, "PLTGOT"},
                                    {DT_HASH, "HASH"},
                                    {DT_STRTAB, "STRTAB"},
                                    {DT_SYMTAB, "SYMTAB"},
                                    {DT_RELA, "RELA"},
                                    {DT_RELASZ, "RELASZ"},
                                    {DT_RELAENT, "RELAENT"},
                                    {DT_STRSZ, "STRSZ"},
                                    {DT_SYMENT, "SYMENT"},
                                    {DT_INIT, "INIT"},
                                    {DT_FINI, "FINI"},
                                    {DT_SONAME, "SONAME"},
                                    {DT_RPATH, "RPATH"},
                                    {DT_SYMBOLIC, "SYMBOLIC"},
                                    {DT_REL, "REL"},
                                    {DT_RELSZ, "RELSZ"},
                                    {DT_RELENT, "RELENT"},
                                    {DT_PLTREL, "PLTREL"},
                                    {DT_DEBUG, "DEBUG"},
                                    {DT_TEXTREL, "TEXTREL"},
                                    {DT_JMPREL, "JMPREL"},
                                    {DT_BIND_NOW, "BIND_NOW"},
                                    {DT_INIT_ARRAY, "INIT_ARRAY"},
                                    {DT_FINI_ARRAY, "FINI_ARRAY"},
                                    {DT_INIT_ARRAYSZ, "INIT_ARRAYSZ"},
                                    {DT_FINI_ARRAYSZ, "FINI_ARRAYSZ"},
                                    {DT_RUNPATH, "RUNPATH"},
                                    {DT_FLAGS, "FLAGS"},
                                    {DT_PREINIT_ARRAY, "PREINIT_ARRAY"},
                                    {DT_PREINIT_ARRAYSZ, "PREINIT_ARRAYSZ"},
                                    {DT_SYMTAB_SHNDX, "SYMTAB_SHNDX"},
                                    {DT_RELRSZ, "RELRSZ"},
                                    {DT_RELR, "RELR"},
                                    {DT_RELRENT, "RELRENT"},
                                    {DT_GNU_PRELINKED, "GNU_PRELINKED"},
                                    {DT_GNU_CONFLICTSZ, "GNU_CONFLICTSZ"},
                                    {DT_GNU_LIBLISTSZ, "GNU_LIBLISTSZ"},
                                    {DT_CHECKSUM, "CHECKSUM"},
                                    {DT_GNU_HASH, "GNU_HASH"},
                                    {DT_TLSDESC_PLT, "TLSDESC_PLT"},
                                    {DT_TLSDESC_GOT, "TLSDESC_GOT"},
                                    {DT_GNU_CONFLICT, "GNU_CONFLICT"},
                                    {DT_GNU_LIBLIST, "GNU_LIBLIST"},
                                    {DT_CONFIG, "CONFIG"},
                                    {DT_DEPAUDIT, "DEPAUDIT"},
                                    {DT_AUDIT, "AUDIT"},
                                    {DT_PLTPAD, "PLTPAD"},
                                    {DT_MOVETAB, "MOVETAB"},
                                    {DT_SYMINFO, "SYMINFO"},
                                    {DT_VERSYM, "VERSYM"},
                                    {DT_RELACOUNT, "RELACOUNT"},
                                    {DT_RELCOUNT, "RELCOUNT"},
                                    {DT_FLAGS_1, "FLAGS_1"},
                                    {DT_VERDEF, "VERDEF"},
                                    {DT_VERDEFNUM, "VERDEFNUM"},
                                    {DT_VERNEED, "VERNEED"},
                                    {DT_VERNEEDNUM, "VERNEEDNUM"},
                                    {DT_AUXILIARY, "AUXILIARY"},
                                    {DT_FILTER, "FILTER"}};
  return name_of(static_cast<std::uint64_t>(tag), kNames);
}

}  // namespace osprey::linux::elf
