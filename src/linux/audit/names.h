// Names that audit's numbers have: architectures, system calls, types of records (audit(7), linux/audit.h,
// asm/unistd.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace osprey::linux {

enum class AuditArch : std::uint8_t { x86_64, i386, x32, aarch64 };

// Of AUDIT_ARCH_*. x32 shares x86_64's number: its system calls have bit 30 set.
std::optional<AuditArch> audit_arch(std::uint32_t number, std::uint32_t syscall) noexcept;
// AUDIT_ARCH_* of linux/audit.h.
std::uint32_t audit_arch_number(AuditArch arch) noexcept;
// "x86_64"
std::string_view name_of(AuditArch arch) noexcept;
// The architecture of this machine's own programs; empty where it is none of ours.
std::optional<AuditArch> native_arch() noexcept;
// What runs 32-bit programs beside it, i386 on x86_64; empty where there is none.
std::optional<AuditArch> compat_arch() noexcept;

// Empty where the architecture has no such call, or one that is newer than our table.
std::optional<std::uint32_t> syscall_number(AuditArch arch, std::string_view name) noexcept;
std::string_view syscall_name(AuditArch arch, std::uint32_t number) noexcept;
// Of any architecture.
std::vector<std::string_view> syscall_names();

// "SYSCALL" of 1300, as ausearch has it; empty where it is not known.
std::string_view record_type_name(std::uint16_t type) noexcept;
std::optional<std::uint16_t> record_type(std::string_view name) noexcept;

}  // namespace osprey::linux
