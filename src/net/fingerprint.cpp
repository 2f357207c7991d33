#include "net/fingerprint.h"

#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

#include "base/text.h"

namespace osprey::net {
namespace {

std::string bare(std::string_view fingerprint) {
  std::string made;
  for (const char c : to_lower(fingerprint))
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')) made += c;
  return made;
}

}  // namespace

std::string fingerprint_of(std::string_view pem) {
  const std::unique_ptr<BIO, decltype([](BIO* memory) { BIO_free_all(memory); })> memory(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const std::unique_ptr<X509, decltype([](X509* owned) { X509_free(owned); })> certificate(
      memory ? PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr) : nullptr);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (!certificate || X509_digest(certificate.get(), EVP_sha256(), digest, &size) != 1) return {};
  std::string text;
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{}{:02X}", i == 0 ? "" : ":", digest[i]);
  return text;
}

bool same_fingerprint(std::string_view a, std::string_view b) {
  const auto left = bare(a);
  return left.size() == 64 && left == bare(b);
}

}  // namespace osprey::net
