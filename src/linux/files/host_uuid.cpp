#include "linux/files/host_uuid.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace osprey::linux {
namespace {

bool is_placeholder(std::string_view uuid) {
  static constexpr std::array<std::string_view, 5> kPlaceholders = {
      "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
      "03000200-0400-0500-0006-000700080009", "03020100-0504-0706-0809-0a0b0c0d0e0f",
      "10000000-0000-8000-0040-000000000000"};
  return std::ranges::any_of(kPlaceholders, [&](auto known) { return equal_ignoring_case(known, uuid); });
}

}  // namespace

std::optional<std::string> host_uuid(const Root& root) {
  constexpr std::size_t kUuidLength = 36;
  constexpr std::size_t kMachineIdLength = 32;
  const auto firmware = root.read_trimmed("/sys/class/dmi/id/product_uuid");
  if (firmware && firmware->size() == kUuidLength && !is_placeholder(*firmware)) return *firmware;
  const auto machine = root.read_trimmed("/etc/machine-id");
  if (!machine || machine->size() != kMachineIdLength) return std::nullopt;
  const std::string_view id = *machine;
  return fmt::format("{}-{}-{}-{}-{}", id.substr(0, 8), id.substr(8, 4), id.substr(12, 4), id.substr(16, 4),
                     id.substr(20));
}

}  // namespace osprey::linux
