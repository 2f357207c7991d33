#include "linux/audit/names.h"

#include <linux/audit.h>
#include <linux/elf-em.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "linux/audit/known_names.h"

namespace osprey::linux {
namespace {

constexpr std::uint32_t kX32Bit = 0x40000000;
constexpr std::size_t kArchs = 4;
constexpr std::array<std::string_view, kArchs> kArchNames{"x86_64", "i386", "x32", "aarch64"};
constexpr std::array<std::uint32_t, kArchs> kArchNumbers{AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_X86_64,
                                                         AUDIT_ARCH_AARCH64};

// Names by number, x32's without its bit.
using ByNumber = std::array<std::vector<std::string_view>, kArchs>;
const ByNumber& by_number() {
  static const ByNumber tables = [] {
    ByNumber made;
    for (const auto& call : detail::known_syscalls())
      for (std::size_t arch = 0; arch < kArchs; ++arch) {
        if (call.numbers[arch] < 0) continue;
        const auto number = static_cast<std::uint32_t>(call.numbers[arch]) & ~kX32Bit;
        auto& names = made[arch];
        if (names.size() <= number) names.resize(number + 1);
        names[number] = call.name;
      }
    return made;
  }();
  return tables;
}

}  // namespace

std::optional<AuditArch> audit_arch(std::uint32_t number, std::uint32_t syscall) noexcept {
  switch (number) {
    case AUDIT_ARCH_X86_64:
      return syscall & kX32Bit ? AuditArch::x32 : AuditArch::x86_64;
    case AUDIT_ARCH_I386:
      return AuditArch::i386;
    case AUDIT_ARCH_AARCH64:
      return AuditArch::aarch64;
    default:
      return std::nullopt;
  }
}

std::uint32_t audit_arch_number(AuditArch arch) noexcept { return kArchNumbers[static_cast<std::size_t>(arch)]; }

std::string_view name_of(AuditArch arch) noexcept { return kArchNames[static_cast<std::size_t>(arch)]; }

std::optional<AuditArch> native_arch() noexcept {
#if defined(__x86_64__)
  return AuditArch::x86_64;
#elif defined(__aarch64__)
  return AuditArch::aarch64;
#else
  return std::nullopt;
#endif
}

std::optional<AuditArch> compat_arch() noexcept {
  return native_arch() == AuditArch::x86_64 ? std::optional(AuditArch::i386) : std::nullopt;
}

std::optional<std::uint32_t> syscall_number(AuditArch arch, std::string_view name) noexcept {
  const auto all = detail::known_syscalls();
  const auto found = std::ranges::lower_bound(all, name, {}, &detail::KnownSyscall::name);
  if (found == all.end() || found->name != name) return std::nullopt;
  const auto number = found->numbers[static_cast<std::size_t>(arch)];
  return number < 0 ? std::nullopt : std::optional(static_cast<std::uint32_t>(number));
}

std::string_view syscall_name(AuditArch arch, std::uint32_t number) noexcept {
  if (arch == AuditArch::x32) number &= ~kX32Bit;
  const auto& names = by_number()[static_cast<std::size_t>(arch)];
  return number < names.size() ? names[number] : std::string_view();
}

std::vector<std::string_view> syscall_names() {
  std::vector<std::string_view> names;
  for (const auto& call : detail::known_syscalls()) names.push_back(call.name);
  return names;
}

std::string_view record_type_name(std::uint16_t type) noexcept {
  const auto all = detail::known_record_types();
  const auto found = std::ranges::lower_bound(all, type, {}, &detail::KnownRecordType::number);
  return found != all.end() && found->number == type ? found->name : std::string_view();
}

std::optional<std::uint16_t> record_type(std::string_view name) noexcept {
  for (const auto& type : detail::known_record_types())
    if (type.name == name) return type.number;
  // What ausearch calls one that it has no name for.
  if (name.starts_with("UNKNOWN[") && name.ends_with("]")) {
    name.remove_prefix(8);
    name.remove_suffix(1);
  }
  return parse<std::uint16_t>(name);
}

}  // namespace osprey::linux
