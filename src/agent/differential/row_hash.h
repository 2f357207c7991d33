// RowHash: what an encoded row is known by. Rows are told apart by it alone, so it is keyed: whoever chooses what
// stands in rows cannot make two of them alike without knowing the store's key.
#pragma once

#include <openssl/types.h>

#include <array>
#include <compare>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

namespace osprey::agent {

struct RowHash {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  auto operator<=>(const RowHash&) const = default;

  static constexpr std::size_t kBytes = 16;
  // As a key's part: sorts as the hash does.
  std::array<char, kBytes> bytes() const noexcept;
  static RowHash from(std::string_view bytes) noexcept;  // kBytes of them
};

// SipHash-2-4 with 128 bits. Belongs to one thread.
class RowHasher {
 public:
  static constexpr std::size_t kKeyBytes = 16;
  using Key = std::array<unsigned char, kKeyBytes>;
  static Key random_key();

  explicit RowHasher(const Key& key);
  RowHash operator()(std::string_view bytes) { return (*this)({bytes}); }
  // Of the pieces one after the other.
  RowHash operator()(std::initializer_list<std::string_view> pieces);

 private:
  struct Free {
    void operator()(EVP_MAC_CTX* context) const noexcept;
  };
  Key key_;
  std::unique_ptr<EVP_MAC_CTX, Free> context_;
};

}  // namespace osprey::agent
