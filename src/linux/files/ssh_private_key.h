// What kind of private key a file holds: PEM (PKCS#1, PKCS#8, SEC 1) and OpenSSH's own format (PROTOCOL.key).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace osprey::linux {

// Nothing of the key itself.
struct PrivateKey {
  bool operator==(const PrivateKey&) const = default;
  std::optional<bool> encrypted;  // unset where the rest cannot be made out
  // rsa, dsa, dh, ec, ed25519, ed448…; ecdsa-p256 and the like from OpenSSH's format; empty where it is not told.
  std::string type;
  std::string group;       // OpenSSL's name of the curve: "prime256v1"
  int length = -1;         // bits, of what the type counts; -1 where it is not told
  int security_bits = -1;  // as NIST SP 800-57 rates it
};

// Empty where `text` holds no private key that can be recognised. A passphrase is never asked for nor tried.
std::optional<PrivateKey> parse_private_key(std::string_view text);

}  // namespace osprey::linux
