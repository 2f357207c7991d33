#include "linux/sysfs/smbios.h"

#include "base/text.h"

namespace osprey::linux {
namespace {

constexpr std::size_t kHeader = 4;  // type, length, handle
constexpr std::uint8_t kEndOfTable = 127;
constexpr std::size_t kMostStructures = 1 << 16;  // handles are 16 bits wide

}  // namespace

std::optional<std::uint8_t> SmbiosStructure::byte(std::size_t offset) const noexcept {
  if (offset >= formatted.size()) return std::nullopt;
  return static_cast<std::uint8_t>(formatted[offset]);
}

std::optional<std::uint16_t> SmbiosStructure::word(std::size_t offset) const noexcept {
  const auto low = byte(offset);
  const auto high = byte(offset + 1);
  if (!low || !high) return std::nullopt;
  return static_cast<std::uint16_t>(*low | *high << 8);
}

std::optional<std::string_view> SmbiosStructure::string(std::size_t offset) const noexcept {
  const auto number = byte(offset).value_or(0);
  if (number == 0 || number > strings.size()) return std::nullopt;
  return trim(strings[number - 1]);
}

std::vector<SmbiosStructure> parse_smbios(std::string_view table) {
  std::vector<SmbiosStructure> structures;
  while (table.size() >= kHeader && structures.size() < kMostStructures) {
    SmbiosStructure structure;
    const auto length = static_cast<std::uint8_t>(table[1]);
    if (length < kHeader || length > table.size()) break;
    structure.formatted = table.substr(0, length);
    structure.type = *structure.byte(0);
    structure.handle = *structure.word(2);
    table.remove_prefix(length);
    // Strings follow, each ended by a NUL, the set by another; without any there are two NULs.
    if (table.starts_with('\0')) {
      table.remove_prefix(1);
    } else {
      while (!table.empty() && table.front() != '\0') structure.strings.push_back(take_until(table, '\0'));
    }
    if (!table.empty()) table.remove_prefix(1);
    const bool last = structure.type == kEndOfTable;
    structures.push_back(std::move(structure));
    if (last) break;
  }
  return structures;
}

Result<std::string> read_smbios(const Root& root) { return TRY(root.read("/sys/firmware/dmi/tables/DMI")).bytes; }

}  // namespace osprey::linux
