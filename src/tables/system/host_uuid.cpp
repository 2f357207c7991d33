#include "tables/system/host_uuid.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace osprey::tables {

bool is_placeholder_uuid(std::string_view uuid) noexcept {
  static constexpr std::array<std::string_view, 4> kPlaceholders = {
      "00000000-0000-0000-0000-000000000000", "03000200-0400-0500-0006-000700080009",
      "03020100-0504-0706-0809-0a0b0c0d0e0f", "10000000-0000-8000-0040-000000000000"};
  return std::ranges::any_of(kPlaceholders, [&](auto known) { return equal_ignoring_case(known, uuid); });
}

}  // namespace osprey::tables
