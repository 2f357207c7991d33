// /etc/services (services(5)).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "linux/files/parsed.h"

namespace osprey::linux {

struct ServicesEntry {
  std::string name;
  std::uint16_t port = 0;
  std::string protocol;
  std::string aliases;                 // separated by single blanks
  std::optional<std::string> comment;  // what follows the first #
};

Parsed<ServicesEntry> parse_services(std::string_view text);

}  // namespace osprey::linux
