// Settings of the ssh client: ssh_config(5).
#pragma once

#include <string>
#include <string_view>

#include "linux/files/parsed.h"

namespace osprey::linux {

// All in lower case.
struct SshOption {
  std::string block;   // the "host …" or "match …" line above it; empty before the first
  std::string option;  // keyword and arguments, as written
};

Parsed<SshOption> parse_ssh_config(std::string_view text);

}  // namespace osprey::linux
