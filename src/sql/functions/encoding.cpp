#include "sql/functions/encoding.h"

#include <openssl/evp.h>

#include <algorithm>
#include <stdexcept>

#include "sql/functions/call.h"

namespace osprey::sql {

// EVP counts in int; SQLite's longest value (10^9 bytes) encodes to less than that.
constexpr std::size_t kLongest = 1'500'000'000;

std::string to_base64(std::string_view bytes) {
  if (bytes.size() > kLongest) throw std::length_error("value too long for base64");
  // EVP_EncodeBlock ends its output with a NUL.
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.size() > kLongest) throw std::length_error("value too long for base64");
  std::string digits(text);
  std::erase_if(digits, [](char c) { return c == '\r' || c == '\n'; });
  for (int padding = 0; padding < 2 && digits.ends_with('='); ++padding) digits.pop_back();
  if (digits.find_first_not_of(alphabet) != digits.npos || digits.size() % 4 == 1) return std::nullopt;

  const std::size_t length = digits.size() * 3 / 4;
  digits.append((4 - digits.size() % 4) % 4, '=');
  std::string bytes(digits.size() / 4 * 3, '\0');
  const int decoded =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                      reinterpret_cast<const unsigned char*>(digits.data()), static_cast<int>(digits.size()));
  if (decoded < 0) return std::nullopt;
  bytes.resize(length);
  return bytes;
}

namespace {

void encode(Call& call) {
  if (call.any_null()) return;
  call.answer(to_base64(call.text(0)));
}

void decode(Call& call) {
  if (call.any_null()) return;
  call.answer(from_base64(call.text(0)).value_or(""));
}

void encode_unless_printable(Call& call) {
  if (call.any_null()) return;
  const auto text = call.text(0);
  const bool printable = std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7e; });
  printable ? call.answer(text) : call.answer(to_base64(text));
}

}  // namespace

std::span<const Function> encoding_functions() {
  static constexpr Function functions[] = {
      function<encode>("to_base64", 1, kPure),
      function<decode>("from_base64", 1, kPure),
      function<encode_unless_printable>("conditional_to_base64", 1, kPure),
  };
  return functions;
}

}  // namespace osprey::sql
