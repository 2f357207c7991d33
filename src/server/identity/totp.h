// One-time passwords by time (RFC 6238): six digits, half a minute, SHA-1, as every authenticator knows them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/time.h"

namespace osprey::server::identity {

std::string random_totp_key();  // 20 bytes
std::string totp_code(std::string_view key, std::int64_t step);
// Which half minute `code` is of: now's, or the one before or after for clocks that are off. It must be later than
// `used`, the last one taken: a code counts once.
std::optional<std::int64_t> totp_step(std::string_view key, std::string_view code, Timestamp now, std::int64_t used);
// For the picture that an authenticator reads.
std::string otpauth_uri(std::string_view key, std::string_view name);

}  // namespace osprey::server::identity
