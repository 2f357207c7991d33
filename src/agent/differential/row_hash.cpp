#include "agent/differential/row_hash.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <bit>
#include <cstring>
#include <stdexcept>

namespace osprey::agent {
namespace {

std::uint64_t big_endian(std::uint64_t number) noexcept { return __builtin_bswap64(number); }

}  // namespace

std::array<char, RowHash::kBytes> RowHash::bytes() const noexcept {
  return std::bit_cast<std::array<char, kBytes>>(std::array{big_endian(high), big_endian(low)});
}

RowHash RowHash::from(std::string_view bytes) noexcept {
  std::array<std::uint64_t, 2> words{};
  std::memcpy(words.data(), bytes.data(), kBytes);
  return {big_endian(words[0]), big_endian(words[1])};
}

RowHasher::Key RowHasher::random_key() {
  Key key{};
  if (RAND_bytes(key.data(), static_cast<int>(key.size())) != 1) throw std::runtime_error("no random numbers");
  return key;
}

void RowHasher::Free::operator()(EVP_MAC_CTX* context) const noexcept { EVP_MAC_CTX_free(context); }

RowHasher::RowHasher(const Key& key) : key_(key) {
  EVP_MAC* siphash = EVP_MAC_fetch(nullptr, "SIPHASH", nullptr);
  context_.reset(EVP_MAC_CTX_new(siphash));
  EVP_MAC_free(siphash);  // the context holds it
  unsigned size = RowHash::kBytes;
  const std::array parameters = {OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_SIZE, &size), OSSL_PARAM_construct_end()};
  if (!context_ || EVP_MAC_init(context_.get(), key_.data(), key_.size(), parameters.data()) != 1)
    throw std::runtime_error("OpenSSL has no SipHash");
}

RowHash RowHasher::operator()(std::initializer_list<std::string_view> pieces) {
  // The key again: without it OpenSSL 3.0 would go on where the last hash ended.
  EVP_MAC_init(context_.get(), key_.data(), key_.size(), nullptr);
  for (const auto piece : pieces)
    EVP_MAC_update(context_.get(), reinterpret_cast<const unsigned char*>(piece.data()), piece.size());
  std::array<unsigned char, RowHash::kBytes> out{};
  std::size_t length = 0;
  EVP_MAC_final(context_.get(), out.data(), &length, out.size());
  return RowHash::from({reinterpret_cast<const char*>(out.data()), out.size()});
}

}  // namespace osprey::agent
