#include "server/identity/totp.h"

#include <fmt/format.h>
#include <openssl/hmac.h>

#include <array>

#include "base/percent.h"
#include "server/secret.h"

namespace osprey::server::identity {
namespace {

constexpr std::int64_t kStepMs = 30'000;

}  // namespace

std::string random_totp_key() { return random_bytes(20); }

std::string totp_code(std::string_view key, std::int64_t step) {
  std::array<unsigned char, 8> moment;
  for (int i = 7; i >= 0; --i, step >>= 8) moment[static_cast<std::size_t>(i)] = static_cast<unsigned char>(step);
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac;
  unsigned size = 0;
  HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()), moment.data(), moment.size(), mac.data(), &size);
  const auto at = mac[size - 1] & 15U;  // RFC 4226, 5.3
  const auto number = (mac[at] & 0x7fU) << 24 | mac[at + 1] << 16 | mac[at + 2] << 8 | mac[at + 3];
  return fmt::format("{:06}", number % 1'000'000);
}

std::optional<std::int64_t> totp_step(std::string_view key, std::string_view code, Timestamp now, std::int64_t used) {
  const auto current = now.ms / kStepMs;
  for (const auto step : {current, current - 1, current + 1})
    if (step > used && equal_secrets(totp_code(key, step), code)) return step;
  return std::nullopt;
}

std::string otpauth_uri(std::string_view key, std::string_view name) {
  auto secret = base32(key);
  for (char& c : secret)
    if (c >= 'a') c = static_cast<char>(c - 'a' + 'A');
  return fmt::format("otpauth://totp/osprey:{}?secret={}&issuer=osprey", percent_encoded(name), secret);
}

}  // namespace osprey::server::identity
