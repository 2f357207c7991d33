// What processor a filesystem's programs are for.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/root.h"

namespace osprey::linux {

// uname(2)'s name of the machine that an ELF file's first bytes say it runs on (elf(5): e_machine and the class);
// empty for what is no ELF file or a machine we have no name for.
std::optional<std::string_view> elf_machine(std::string_view head) noexcept;

// The host's own by uname(2); another root's by the programs that any tree has, such as its shell.
std::optional<std::string> machine_of(const Root& root);

}  // namespace osprey::linux
