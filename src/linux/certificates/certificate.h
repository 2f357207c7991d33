// One X.509 certificate (RFC 5280), in the words that OpenSSL has for its parts.
#pragma once

#include <openssl/x509.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace osprey::linux {

class Certificate {
 public:
  static Result<Certificate> from_der(std::string_view der);
  // The first certificate in `pem`.
  static Result<Certificate> from_pem(std::string_view pem);

  // A part of the subject's or issuer's name, such as NID_commonName, as UTF-8; empty if it has none.
  std::optional<std::string> subject(int nid) const;
  std::optional<std::string> issuer(int nid) const;
  std::string serial_number() const;  // upper-case hexadecimal
  int version() const;                // 1, 2 or 3
  // Times as "Nov 22 06:37:48 2026 GMT".
  std::string valid_from() const;
  std::string valid_to() const;
  bool has_expired() const;
  // Of the whole certificate, lower-case hexadecimal.
  std::string sha256_fingerprint() const;
  std::string sha1_fingerprint() const;
  std::string signature_algorithm() const;  // "RSA-SHA256"; "undefined" for one that OpenSSL does not know
  std::string signature() const;            // lower-case hexadecimal, bytes separated by colons
  // The first extension of a kind (NID_key_usage…) in words, its lines joined by semicolons; empty if there is none.
  std::string extension(int nid) const;
  std::string pem() const;

 private:
  struct Free {
    void operator()(X509* certificate) const { X509_free(certificate); }
  };
  explicit Certificate(X509* certificate) : certificate_(certificate) {}
  std::unique_ptr<X509, Free> certificate_;
};

}  // namespace osprey::linux
