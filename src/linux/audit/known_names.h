// The tables behind linux/audit/names.h.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace osprey::linux::detail {

struct KnownSyscall {
  std::string_view name;
  std::array<std::int32_t, 4> numbers;  // by AuditArch; -1: not there
};
struct KnownRecordType {
  std::uint16_t number;
  std::string_view name;
};

// By name.
std::span<const KnownSyscall> known_syscalls() noexcept;
// By number.
std::span<const KnownRecordType> known_record_types() noexcept;

}  // namespace osprey::linux::detail
