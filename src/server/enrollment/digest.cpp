#include "server/enrollment/digest.h"

#include <cstring>

#include "server/secret.h"

namespace osprey::server::enrollment {

Digest digest_of(std::string_view text) { return digest_from(sha256(text)); }

std::string_view bytes_of(const Digest& digest) noexcept {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

Digest digest_from(std::string_view bytes) noexcept {
  Digest digest{};
  if (bytes.size() == digest.size()) std::memcpy(digest.data(), bytes.data(), digest.size());
  return digest;
}

std::size_t DigestHash::operator()(const Digest& digest) const noexcept {
  std::size_t hash;
  std::memcpy(&hash, digest.data(), sizeof hash);
  return hash;
}

}  // namespace osprey::server::enrollment
