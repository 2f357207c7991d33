// Which UUID the host goes by.
#pragma once

#include <string>
#include <string_view>

namespace osprey::tables {

// A service of the program: the UUID that it made up and keeps for a machine whose firmware has no usable one.
struct HostUuid {
  std::string text;
};

// UUIDs that boards are sold with by the thousand and that name none of them.
bool is_placeholder_uuid(std::string_view uuid) noexcept;

}  // namespace osprey::tables
