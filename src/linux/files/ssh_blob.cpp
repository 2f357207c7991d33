#include "linux/files/ssh_blob.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <bit>
#include <iterator>

#include "base/base64.h"
#include "base/text.h"

namespace osprey::linux {
namespace {

constexpr std::size_t kLongest = 1 << 24;

}  // namespace

std::optional<std::string> decode_base64(std::string_view text) {
  if (text.size() > kLongest) return std::nullopt;
  std::string digits;
  digits.reserve(text.size());
  std::ranges::remove_copy_if(text, std::back_inserter(digits), is_space);
  return from_base64(digits);
}

std::string ssh_fingerprint(std::string_view blob) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  ::SHA256(reinterpret_cast<const unsigned char*>(blob.data()), blob.size(), digest.data());
  auto text = to_base64({reinterpret_cast<const char*>(digest.data()), digest.size()});
  while (text.ends_with('=')) text.pop_back();
  return "SHA256:" + text;
}

std::optional<std::uint32_t> SshReader::number() noexcept {
  if (rest_.size() < 4) return std::nullopt;
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(rest_[static_cast<std::size_t>(i)]);
  rest_.remove_prefix(4);
  return value;
}

std::optional<std::string_view> SshReader::string() noexcept {
  const auto length = number();
  if (!length || *length > rest_.size()) return std::nullopt;
  const auto value = rest_.substr(0, *length);
  rest_.remove_prefix(*length);
  return value;
}

std::optional<int> SshReader::integer_bits() noexcept {
  auto value = string();
  if (!value) return std::nullopt;
  while (value->starts_with('\0')) value->remove_prefix(1);
  if (value->empty()) return 0;
  const auto first = std::bit_width(static_cast<unsigned char>(value->front()));
  return static_cast<int>((value->size() - 1) * 8) + static_cast<int>(first);
}

}  // namespace osprey::linux
