#include "server/http/tls_context.h"

#include <openssl/err.h>
#include <openssl/rand.h>

#include <array>
#include <string>
#include <utility>

#include "base/hex.h"
#include "server/secret.h"

namespace osprey::server::http {
namespace {

constexpr long kSessionLifetime = 4 * 3600;  // seconds: agents make their connections anew every hour
constexpr const char* kTls12Ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr std::array<unsigned char, 6> kSessionScope{'o', 's', 'p', 'r', 'e', 'y'};

std::unexpected<Error> openssl_failure(const std::string& file, const std::string& what) {
  std::array<char, 256> reason{};
  ERR_error_string_n(ERR_peek_last_error(), reason.data(), reason.size());
  ERR_clear_error();
  return failure(file, what + ": " + reason.data());
}

Result<void> load_own(SSL_CTX* context, const ListenerOptions& options) {
  if (SSL_CTX_use_certificate_chain_file(context, options.certificate.c_str()) != 1) {
    return openssl_failure(options.certificate, "no PEM certificate can be read of it");
  }
  if (SSL_CTX_use_PrivateKey_file(context, options.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return openssl_failure(options.key, "no PEM key for " + options.certificate + " can be read of it");
  }
  return {};
}

Result<void> load_authorities(SSL_CTX* context, const ListenerOptions& options) {
  const auto& file = options.client_authorities;
  if (options.client_certificates == ClientCertificates::none) return {};
  if (file.empty()) return failure("client certificates", "the authorities that vouch for them must be named");
  STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(file.c_str());
  if (names == nullptr || SSL_CTX_load_verify_file(context, file.c_str()) != 1) {
    sk_X509_NAME_pop_free(names, X509_NAME_free);
    return openssl_failure(file, "no PEM certificates can be read of it");
  }
  SSL_CTX_set_client_CA_list(context, names);
  const bool required = options.client_certificates == ClientCertificates::required;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
  return {};
}

// A session begun before the certificate was read anew can be resumed after it. Not where clients show certificates:
// what vouched for one then may not do so now.
void keep_ticket_keys(SSL_CTX* from, SSL_CTX* to) {
  const auto size = SSL_CTX_get_tlsext_ticket_keys(from, nullptr, 0);
  std::string keys(static_cast<std::size_t>(size), '\0');
  if (SSL_CTX_get_tlsext_ticket_keys(from, keys.data(), size) == 1) {
    SSL_CTX_set_tlsext_ticket_keys(to, keys.data(), size);
  }
  OPENSSL_cleanse(keys.data(), keys.size());
}

void derive_ticket_keys(SSL_CTX* context, const std::string& seed) {
  unsigned char* bytes = nullptr;
  const int size = i2d_PrivateKey(SSL_CTX_get0_privatekey(context), &bytes);
  if (size <= 0) return;
  std::string key(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_clear_free(bytes, static_cast<std::size_t>(size));
  std::string keys;  // a name, one for HMAC, one for AES: 80 bytes
  for (const char part : {'1', '2', '3'}) keys += from_hex(hmac_sha256_hex(key, part + seed)).value_or("");
  SSL_CTX_set_tlsext_ticket_keys(context, keys.data(), SSL_CTX_get_tlsext_ticket_keys(context, nullptr, 0));
  OPENSSL_cleanse(key.data(), key.size());
  OPENSSL_cleanse(keys.data(), keys.size());
}

}  // namespace

void TlsContext::share_tickets(std::string seed) {
  const std::lock_guard lock(mutex_);
  ticket_seed_ = std::move(seed);
}

Result<void> TlsContext::load(const ListenerOptions& options) {
  std::unique_ptr<SSL_CTX, Free> fresh(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = fresh.get();
  if (context == nullptr) return openssl_failure("TLS", "OpenSSL gives no context");
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(context, kTls12Ciphers);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                   SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context,
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);  // one system call a record instead of two
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_session_id_context(context, kSessionScope.data(), kSessionScope.size());
  SSL_CTX_set_timeout(context, kSessionLifetime);
  SSL_CTX_set_num_tickets(context, 1);
  TRY(load_own(context, options));
  TRY(load_authorities(context, options));
  const std::lock_guard lock(mutex_);
  if (options.client_certificates == ClientCertificates::none) {
    if (!ticket_seed_.empty())
      derive_ticket_keys(context, ticket_seed_);
    else if (context_)
      keep_ticket_keys(context_.get(), context);
  }
  context_ = std::move(fresh);
  return {};
}

SslPointer TlsContext::open() const {
  const std::lock_guard lock(mutex_);
  return SslPointer(context_ ? SSL_new(context_.get()) : nullptr);
}

}  // namespace osprey::server::http
