// The machine's own description of itself: SMBIOS structures (DMTF DSP0134), as /sys/firmware/dmi/tables/DMI has them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/root.h"

namespace osprey::linux {

// Views into the table it was parsed from. Offsets count from the structure's start, as in the specification; what
// lies beyond the structure's length, which grew with the specification's versions, is absent.
struct SmbiosStructure {
  static constexpr std::uint8_t kProcessor = 4;

  std::uint8_t type = 0;
  std::uint16_t handle = 0;
  std::string_view formatted;             // the fixed part, header included
  std::vector<std::string_view> strings;  // what the fixed part refers to, from number 1 on

  std::optional<std::uint8_t> byte(std::size_t offset) const noexcept;
  std::optional<std::uint16_t> word(std::size_t offset) const noexcept;
  // The string whose number stands at `offset`, without blanks around it; absent for number 0 or one too high.
  std::optional<std::string_view> string(std::size_t offset) const noexcept;
};

// Ends at the end-of-table structure or where a structure would reach beyond the table.
std::vector<SmbiosStructure> parse_smbios(std::string_view table);

// The table's bytes; an absent() error where the firmware has none.
Result<std::string> read_smbios(const Root& root);

}  // namespace osprey::linux
