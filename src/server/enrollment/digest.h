// Secrets and node keys are looked up and told apart by their SHA-256: how long that takes tells nothing of them.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace osprey::server::enrollment {

using Digest = std::array<unsigned char, 32>;

Digest digest_of(std::string_view text);
std::string_view bytes_of(const Digest& digest) noexcept;
// Empty digest (all zero) where there are not 32 bytes.
Digest digest_from(std::string_view bytes) noexcept;

struct DigestHash {
  std::size_t operator()(const Digest& digest) const noexcept;  // its bytes are random already
};

}  // namespace osprey::server::enrollment
