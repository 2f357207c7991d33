#include "linux/files/machine.h"

#include <elf.h>
#include <sys/utsname.h>

namespace osprey::linux {

std::optional<std::string_view> elf_machine(std::string_view head) noexcept {
  constexpr std::size_t kMachine = 18;  // of a two-byte number, in both classes
  if (head.size() < kMachine + 2 || !head.starts_with(ELFMAG)) return std::nullopt;
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(head[at]); };
  const bool wide = byte(EI_CLASS) == ELFCLASS64;
  const bool big_endian = byte(EI_DATA) == ELFDATA2MSB;
  const unsigned machine =
      big_endian ? byte(kMachine) << 8 | byte(kMachine + 1) : byte(kMachine + 1) << 8 | byte(kMachine);
  switch (machine) {
    case EM_X86_64:
      return "x86_64";
    case EM_386:
      return "i686";
    case EM_AARCH64:
      return "aarch64";
    case EM_ARM:
      return "armv7l";
    case EM_RISCV:
      return wide ? "riscv64" : "riscv32";
    case EM_PPC64:
      return big_endian ? "ppc64" : "ppc64le";
    case EM_S390:
      return wide ? "s390x" : "s390";
    case EM_MIPS:
      return wide ? "mips64" : "mips";
    case EM_LOONGARCH:
      return "loongarch64";
    default:
      return std::nullopt;
  }
}

std::optional<std::string> machine_of(const Root& root) {
  if (root.is_host()) {
    utsname names;
    return ::uname(&names) == 0 ? std::optional<std::string>(names.machine) : std::nullopt;
  }
  for (const auto path : {"/bin/sh", "/sbin/init", "/usr/bin/env", "/bin/busybox"}) {
    const auto head = root.read(path, sizeof(Elf64_Ehdr));
    if (!head) continue;
    if (const auto machine = elf_machine(head->bytes)) return std::string(*machine);
  }
  return std::nullopt;
}

}  // namespace osprey::linux
