#include "linux/certificates/certificate.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <climits>

#include "base/text.h"

namespace osprey::linux {
namespace {

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;

// What `write` writes into a BIO.
template <class F>
std::string written(F write) {
  const Bio bio(BIO_new(BIO_s_mem()));
  write(bio.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

std::unexpected<Error> not_a_certificate() {
  ERR_clear_error();
  return failure("", "is not a certificate");
}

std::optional<std::string> name_part(const X509_NAME* name, int nid) {
  const int index = X509_NAME_get_index_by_NID(name, nid, -1);
  if (index < 0) return std::nullopt;
  unsigned char* text = nullptr;
  const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)));
  if (size < 0) {
    ERR_clear_error();
    return std::nullopt;
  }
  std::string part(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  return part;
}

std::string time_text(const ASN1_TIME* time) {
  return written([&](BIO* bio) { ASN1_TIME_print(bio, time); });
}

std::string fingerprint(const X509* certificate, const EVP_MD* digest) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes;
  unsigned int size = 0;
  if (!X509_digest(certificate, digest, bytes.data(), &size)) return {};
  return hex({reinterpret_cast<const char*>(bytes.data()), size});
}

}  // namespace

Result<Certificate> Certificate::from_der(std::string_view der) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
  if (der.size() > LONG_MAX) return not_a_certificate();
  X509* certificate = d2i_X509(nullptr, &bytes, static_cast<long>(der.size()));
  if (!certificate) return not_a_certificate();
  return Certificate(certificate);
}

Result<Certificate> Certificate::from_pem(std::string_view pem) {
  if (pem.size() > INT_MAX) return not_a_certificate();
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr);
  if (!certificate) return not_a_certificate();
  return Certificate(certificate);
}

std::optional<std::string> Certificate::subject(int nid) const {
  return name_part(X509_get_subject_name(certificate_.get()), nid);
}

std::optional<std::string> Certificate::issuer(int nid) const {
  return name_part(X509_get_issuer_name(certificate_.get()), nid);
}

std::string Certificate::serial_number() const {
  const std::unique_ptr<BIGNUM, decltype(&BN_free)> number(
      ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate_.get()), nullptr), BN_free);
  char* text = number ? BN_bn2hex(number.get()) : nullptr;
  std::string serial = text ? text : "";
  OPENSSL_free(text);
  return serial;
}

int Certificate::version() const { return static_cast<int>(X509_get_version(certificate_.get())) + 1; }

std::string Certificate::valid_from() const { return time_text(X509_get0_notBefore(certificate_.get())); }

std::string Certificate::valid_to() const { return time_text(X509_get0_notAfter(certificate_.get())); }

bool Certificate::has_expired() const { return X509_cmp_current_time(X509_get0_notAfter(certificate_.get())) <= 0; }

std::string Certificate::sha256_fingerprint() const { return fingerprint(certificate_.get(), EVP_sha256()); }

std::string Certificate::sha1_fingerprint() const { return fingerprint(certificate_.get(), EVP_sha1()); }

std::string Certificate::signature_algorithm() const {
  const int nid = X509_get_signature_nid(certificate_.get());
  return nid == NID_undef ? LN_undef : OBJ_nid2sn(nid);
}

std::string Certificate::signature() const {
  const ASN1_BIT_STRING* bits = nullptr;
  X509_get0_signature(&bits, nullptr, certificate_.get());
  if (!bits || bits->length <= 0) return {};
  const auto digits = hex({reinterpret_cast<const char*>(bits->data), static_cast<std::size_t>(bits->length)});
  std::string text;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    if (i) text += ':';
    text.append(digits, i, 2);
  }
  return text;
}

std::string Certificate::extension(int nid) const {
  const int index = X509_get_ext_by_NID(certificate_.get(), nid, -1);
  if (index < 0) return {};
  X509_EXTENSION* extension = X509_get_ext(certificate_.get(), index);
  auto text = written([&](BIO* bio) {
    if (X509V3_EXT_print(bio, extension, 0, 0)) return;
    ERR_clear_error();
    ASN1_STRING_print(bio, X509_EXTENSION_get_data(extension));
  });
  while (text.ends_with('\n')) text.pop_back();
  std::ranges::replace(text, '\n', ';');
  return text;
}

std::string Certificate::pem() const {
  return written([&](BIO* bio) { PEM_write_bio_X509(bio, certificate_.get()); });
}

}  // namespace osprey::linux
