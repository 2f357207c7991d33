#include "linux/files/ssh_blob.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>
#include <bit>

#include "base/text.h"

namespace osprey::linux {
namespace {

constexpr std::size_t kLongest = 1 << 24;

unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

}  // namespace

std::optional<std::string> decode_base64(std::string_view text) {
  if (text.size() > kLongest) return std::nullopt;
  std::string digits;
  digits.reserve(text.size() + 3);
  std::ranges::remove_copy_if(text, std::back_inserter(digits), is_space);
  while (digits.ends_with('=')) digits.pop_back();
  // EVP_DecodeBlock would take a hyphen for the end of the text.
  const auto is_digit = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
  };
  if (digits.size() % 4 == 1 || !std::ranges::all_of(digits, is_digit)) return std::nullopt;
  const auto length = digits.size() * 3 / 4;
  digits.append((4 - digits.size() % 4) % 4, '=');
  std::string bytes(digits.size() / 4 * 3, '\0');
  if (EVP_DecodeBlock(bytes_of(bytes), bytes_of(std::string_view(digits)), static_cast<int>(digits.size())) < 0)
    return std::nullopt;
  bytes.resize(length);
  return bytes;
}

std::string ssh_fingerprint(std::string_view blob) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  ::SHA256(bytes_of(blob), blob.size(), digest.data());
  std::string text(SHA256_DIGEST_LENGTH / 3 * 4 + 5, '\0');  // with the NUL that OpenSSL puts behind it
  text.resize(static_cast<std::size_t>(EVP_EncodeBlock(bytes_of(text), digest.data(), digest.size())));
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
