// Secrets: made from the system's random numbers, kept as hashes, compared in constant time.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace osprey::server {

std::string random_bytes(std::size_t count);
// 256 bits as 64 hexadecimal digits. Nobody guesses it, so a plain hash is enough to keep it by.
std::string random_secret();
// It could be one of random_secret()'s.
bool is_secret(std::string_view text) noexcept;

std::string sha256(std::string_view bytes);      // 32 bytes
std::string sha256_hex(std::string_view bytes);  // 64 digits
std::string hmac_sha256_hex(std::string_view key, std::string_view bytes);

// Takes as long wherever they differ; only the length shows.
bool equal_secrets(std::string_view a, std::string_view b) noexcept;

// Encrypted and held against changes (AES-256-GCM) with a key of 32 bytes; hexadecimal.
std::string seal(std::string_view key, std::string_view text);
// Nothing where it is no such text, or was sealed with another key.
std::optional<std::string> unseal(std::string_view key, std::string_view sealed);

// Letters and digits that are not taken for each other (RFC 4648's base 32, in lower case).
std::string base32(std::string_view bytes);

}  // namespace osprey::server
