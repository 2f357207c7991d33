// /etc/protocols (protocols(5)).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "linux/files/parsed.h"

namespace osprey::linux {

struct ProtocolsEntry {
  std::string name;
  std::int64_t number = 0;
  std::optional<std::string> alias;    // the first, where there are several
  std::optional<std::string> comment;  // what follows the first #
};

Parsed<ProtocolsEntry> parse_protocols(std::string_view text);

}  // namespace osprey::linux
