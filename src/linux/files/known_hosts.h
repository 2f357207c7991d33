// Host keys that a user has accepted: the known_hosts format of sshd(8).
#pragma once

#include <string>
#include <string_view>

#include "linux/files/parsed.h"

namespace osprey::linux {

// Each entry as it is written: markers (@cert-authority, @revoked), names or their hash, key type, key, comment.
Parsed<std::string> parse_known_hosts(std::string_view text);

}  // namespace osprey::linux
