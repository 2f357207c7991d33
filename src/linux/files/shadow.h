// /etc/shadow (shadow(5)), without the secrets in it: what state a password is in and how it was hashed, not the hash.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "linux/files/passwd.h"

namespace osprey::linux {

enum class PasswordStatus : std::uint8_t { active, empty, locked, not_set };
// "active", "empty", "locked", "not_set": osquery's words.
std::string_view name(PasswordStatus status) noexcept;

// Days and day counts; unset where the field is empty.
struct ShadowEntry {
  std::string username;
  PasswordStatus status = PasswordStatus::empty;
  std::optional<std::string> hash_algorithm;  // crypt(5)'s id between the dollars: "y", "6", "2b"
  std::optional<std::int64_t> last_change;    // days since 1970-01-01
  std::optional<std::int64_t> min;
  std::optional<std::int64_t> max;
  std::optional<std::int64_t> warning;
  std::optional<std::int64_t> inactive;
  std::optional<std::int64_t> expire;  // days since 1970-01-01
  std::optional<std::int64_t> flag;
};

// Lines with fewer than two fields or a number that is none are skipped and counted.
Parsed<ShadowEntry> parse_shadow(std::string_view text);

}  // namespace osprey::linux
