// Public keys that may log in: the AUTHORIZED_KEYS FILE FORMAT of sshd(8).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "linux/files/parsed.h"

namespace osprey::linux {

struct AuthorizedKey {
  std::size_t line = 0;  // counted from 1
  std::optional<std::string> options;
  std::string algorithm;  // "ssh-ed25519" and the like
  std::string key;        // base64
  std::optional<std::string> comment;

  // "SHA256:…"; empty if `key` is no base64.
  std::optional<std::string> fingerprint_sha256() const;
};

// Comments are left out; lines without a key of a known kind are counted.
Parsed<AuthorizedKey> parse_authorized_keys(std::string_view text);

}  // namespace osprey::linux
