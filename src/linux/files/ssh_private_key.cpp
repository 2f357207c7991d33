#include "linux/files/ssh_private_key.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <array>
#include <memory>

#include "base/text.h"
#include "linux/files/ssh_blob.h"

namespace osprey::linux {
namespace {

constexpr std::string_view kOpenSshHeader = "-----BEGIN OPENSSH PRIVATE KEY-----";

// Equivalent strengths of NIST SP 800-57 part 1, table 2.
int rsa_security_bits(int length) {
  if (length >= 15360) return 256;
  if (length >= 7680) return 192;
  if (length >= 3072) return 128;
  if (length >= 2048) return 112;
  return length >= 1024 ? 80 : 64;
}

// Keys of one fixed size, by their name on the wire.
struct FixedKey {
  std::string_view wire_name;
  std::string_view type;
  std::string_view group;
  int length;
  int security_bits;
};
constexpr std::array<FixedKey, 6> kFixedKeys = {{
    {"ssh-ed25519", "ed25519", "", 256, 128},
    {"ecdsa-sha2-nistp256", "ecdsa-p256", "prime256v1", 256, 128},
    {"ecdsa-sha2-nistp384", "ecdsa-p384", "secp384r1", 384, 192},
    {"ecdsa-sha2-nistp521", "ecdsa-p521", "secp521r1", 521, 256},
    {"sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519@openssh.com", "", 256, 128},
    {"sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", "prime256v1", 256, 128},
}};

// Fills in what the public half of a key, in wire encoding, tells of it.
void describe(std::string_view blob, PrivateKey& key) {
  SshReader reader(blob);
  const auto name = reader.string();
  if (!name || name->size() > 64) return;
  key.type = *name;
  if (const auto fixed = std::ranges::find(kFixedKeys, *name, &FixedKey::wire_name); fixed != kFixedKeys.end()) {
    key.type = fixed->type;
    key.group = fixed->group;
    key.length = fixed->length;
    key.security_bits = fixed->security_bits;
  } else if (*name == "ssh-rsa") {
    key.type = "rsa";
    reader.integer_bits();  // the exponent
    key.length = reader.integer_bits().value_or(-1);
    if (key.length > 0) key.security_bits = rsa_security_bits(key.length);
  } else if (*name == "ssh-dss") {
    key.type = "dsa";
    key.length = reader.integer_bits().value_or(-1);
    if (key.length > 0) key.security_bits = 80;  // its q has 160 bits whatever p has
  }
}

PrivateKey parse_openssh_key(std::string_view body) {
  PrivateKey key;
  const auto bytes = decode_base64(body.substr(0, body.find("-----END")));
  static constexpr std::string_view kMagic("openssh-key-v1\0", 15);
  if (!bytes || !bytes->starts_with(kMagic)) return key;
  SshReader reader(std::string_view(*bytes).substr(kMagic.size()));
  const auto cipher = reader.string();
  if (!cipher) return key;
  key.encrypted = *cipher != "none";
  reader.string();  // the key derivation function
  reader.string();  // its options
  if (reader.number().value_or(0) == 0) return key;
  if (const auto blob = reader.string()) describe(*blob, key);
  return key;
}

std::string_view type_name(int id) {
  switch (id) {
    case EVP_PKEY_RSA:
    case EVP_PKEY_RSA2:
      return "rsa";
    case EVP_PKEY_DSA:
    case EVP_PKEY_DSA1:
    case EVP_PKEY_DSA2:
    case EVP_PKEY_DSA3:
    case EVP_PKEY_DSA4:
      return "dsa";
    case EVP_PKEY_DH:
    case EVP_PKEY_DHX:
      return "dh";
    case EVP_PKEY_EC:
      return "ec";
    case EVP_PKEY_ED25519:
      return "ed25519";
    case EVP_PKEY_ED448:
      return "ed448";
    default:
      return "";
  }
}

// Traditional PEM tells the kind in its first line, also where the rest is encrypted.
std::string_view labelled_type(std::string_view pem) {
  if (pem.find("-----BEGIN RSA PRIVATE KEY-----") != pem.npos) return "rsa";
  if (pem.find("-----BEGIN DSA PRIVATE KEY-----") != pem.npos) return "dsa";
  if (pem.find("-----BEGIN EC PRIVATE KEY-----") != pem.npos) return "ec";
  return "";
}

struct Free {
  void operator()(BIO* bio) const noexcept { BIO_free(bio); }
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};

std::optional<PrivateKey> parse_pem_key(std::string_view text) {
  const std::unique_ptr<BIO, Free> bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (!bio) return std::nullopt;
  bool encrypted = false;
  // Being asked for a passphrase is all that is to be known; refusing ends the attempt before any key derivation.
  const auto refuse = [](char*, int, int, void* asked) {
    *static_cast<bool*>(asked) = true;
    return -1;
  };
  const std::unique_ptr<EVP_PKEY, Free> pkey(PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse, &encrypted));
  ERR_clear_error();
  PrivateKey key;
  key.encrypted = encrypted;
  if (!pkey) {
    if (!encrypted) return std::nullopt;
    key.type = labelled_type(text);
    return key;
  }
  key.type = type_name(EVP_PKEY_get_base_id(pkey.get()));
  key.length = EVP_PKEY_get_bits(pkey.get());
  key.security_bits = EVP_PKEY_get_security_bits(pkey.get());
  std::array<char, 64> group{};
  std::size_t length = 0;
  if (EVP_PKEY_get_group_name(pkey.get(), group.data(), group.size(), &length) == 1) key.group = group.data();
  ERR_clear_error();
  return key;
}

}  // namespace

std::optional<PrivateKey> parse_private_key(std::string_view text) {
  if (text.size() > (1 << 20) || text.find("PRIVATE KEY-----") == text.npos) return std::nullopt;
  if (auto key = parse_pem_key(text)) return key;
  const auto start = trim_left(text);
  if (!start.starts_with(kOpenSshHeader)) return std::nullopt;
  return parse_openssh_key(start.substr(kOpenSshHeader.size()));
}

}  // namespace osprey::linux
