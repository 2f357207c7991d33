#include "linux/procfs/terminal.h"

#include <array>
#include <string_view>

namespace osprey::linux {
namespace {

struct Range {
  std::uint32_t major;
  std::uint32_t first_minor;
  std::string_view prefix;
  std::uint32_t first_number;
};
// The last range that begins at or below a minor has it.
constexpr std::array<Range, 9> kRanges = {{{4, 0, "tty", 0},
                                           {4, 64, "ttyS", 0},
                                           {166, 0, "ttyACM", 0},
                                           {188, 0, "ttyUSB", 0},
                                           {204, 0, "ttyLU", 0},
                                           {204, 64, "ttyAMA", 0},
                                           {204, 80, "ttyDB", 0},
                                           {227, 1, "3270/tty", 1},
                                           {229, 0, "hvc", 0}}};

}  // namespace

std::optional<std::string> terminal_name(std::uint32_t device) {
  const auto major = (device >> 8) & 0xfff;
  const auto minor = (device & 0xff) | ((device >> 12) & 0xfff00);
  if (major >= 136 && major <= 143) return "pts/" + std::to_string((major - 136) * 256 + minor);
  if (major == 5) return minor == 1 ? "console" : "tty";
  std::optional<std::string> name;
  for (const auto& range : kRanges)
    if (range.major == major && minor >= range.first_minor)
      name = std::string(range.prefix) + std::to_string(minor - range.first_minor + range.first_number);
  return name;
}

}  // namespace osprey::linux
