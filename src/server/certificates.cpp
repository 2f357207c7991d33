#include "server/certificates.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "base/unique_fd.h"
#include "server/secret.h"

namespace osprey::server {
namespace {

constexpr long kDay = 86400;
constexpr long kAuthorityDays = 3650;
// Hosts' clocks may be a year off, either way. Both together are less than what browsers take at most.
constexpr long kDaysBefore = 400;
constexpr long kCertificateDays = 425;
constexpr long kRenewDays = 395;

template <auto release>
struct Releases {
  template <class T>
  void operator()(T* what) const noexcept {
    release(what);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Releases<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Releases<X509_free>>;
using File = std::unique_ptr<FILE, Releases<std::fclose>>;

Key make_key() { return Key(EVP_EC_gen("P-256")); }

Result<void> write_pem(const std::string& path, mode_t mode, auto&& put) {
  const auto fresh = path + ".new";
  ::unlink(fresh.c_str());
  UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd) return system_failure(fresh);
  File file(::fdopen(fd.release(), "w"));
  if (!file || put(file.get()) != 1 || std::fflush(file.get()) != 0 || ::fsync(::fileno(file.get())) != 0)
    return system_failure(fresh);
  if (::rename(fresh.c_str(), path.c_str()) != 0) return system_failure(path);
  return {};
}

Result<void> write_key(const std::string& path, EVP_PKEY* key) {
  return write_pem(path, 0600,
                   [&](FILE* file) { return PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr); });
}

// With the certificates that vouch for it, if any.
Result<void> write_certificates(const std::string& path, std::initializer_list<X509*> chain) {
  return write_pem(path, 0644, [&](FILE* file) {
    return std::ranges::all_of(chain, [&](X509* each) { return PEM_write_X509(file, each) == 1; }) ? 1 : 0;
  });
}

Key read_key(const std::string& path) {
  const File file(std::fopen(path.c_str(), "re"));
  return Key(file ? PEM_read_PrivateKey(file.get(), nullptr, nullptr, nullptr) : nullptr);
}

Certificate read_certificate(const std::string& path) {
  const File file(std::fopen(path.c_str(), "re"));
  return Certificate(file ? PEM_read_X509(file.get(), nullptr, nullptr, nullptr) : nullptr);
}

bool extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  const bool added = extension && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

// Unsigned, and without extensions.
Certificate draft(EVP_PKEY* key, const std::string& name, long days) {
  Certificate made(X509_new());
  if (!made) return made;
  X509_set_version(made.get(), X509_VERSION_3);
  auto serial = random_bytes(16);
  serial[0] &= 0x7f;  // positive (RFC 5280, section 4.1.2.2)
  ASN1_INTEGER* number = X509_get_serialNumber(made.get());
  BIGNUM* big =
      BN_bin2bn(reinterpret_cast<const unsigned char*>(serial.data()), static_cast<int>(serial.size()), nullptr);
  BN_to_ASN1_INTEGER(big, number);
  BN_free(big);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -kDaysBefore * kDay);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), days * kDay);
  X509_set_pubkey(made.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return made;
}

bool is_address(const std::string& name) {
  unsigned char bytes[16];
  return ::inet_pton(AF_INET, name.c_str(), bytes) == 1 || ::inet_pton(AF_INET6, name.c_str(), bytes) == 1;
}

std::string alternative_names(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names)
    text += fmt::format("{}{}:{}", text.empty() ? "" : ",", is_address(name) ? "IP" : "DNS", name);
  return text;
}

bool is_for(X509* certificate, const std::vector<std::string>& names) {
  for (const auto& name : names) {
    const bool matches = is_address(name) ? X509_check_ip_asc(certificate, name.c_str(), 0) == 1
                                          : X509_check_host(certificate, name.c_str(), name.size(), 0, nullptr) == 1;
    if (!matches) return false;
  }
  return true;
}

bool lasts(const X509* certificate, long days) {
  std::time_t then = std::time(nullptr) + days * kDay;
  return X509_cmp_time(X509_get0_notAfter(certificate), &then) > 0;
}

std::unexpected<Error> cannot(const std::string& path) {
  return failure(path, "cannot make a certificate: OpenSSL refuses");
}

struct Authority {
  Certificate certificate;
  Key key;
};

Result<Authority> authority(const std::string& path, const std::string& key_path) {
  Authority ours{read_certificate(path), read_key(key_path)};
  if (ours.certificate && ours.key) return ours;
  ours.key = make_key();
  ours.certificate = draft(ours.key.get(), "osprey fleet authority", kAuthorityDays);
  if (!ours.key || !ours.certificate) return cannot(path);
  X509* made = ours.certificate.get();
  X509_set_issuer_name(made, X509_get_subject_name(made));
  if (!extend(made, made, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !extend(made, made, NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !extend(made, made, NID_subject_key_identifier, "hash") || X509_sign(made, ours.key.get(), EVP_sha256()) == 0)
    return cannot(path);
  TRY(write_key(key_path, ours.key.get()));
  TRY(write_certificates(path, {made}));
  return ours;
}

Result<void> make_certificate(const CertificateFiles& files, const Authority& issuer,
                              const std::vector<std::string>& names) {
  const auto key = make_key();
  const auto made = draft(key.get(), names.front(), kCertificateDays);
  if (!key || !made) return cannot(files.certificate);
  X509* leaf = made.get();
  X509_set_issuer_name(leaf, X509_get_subject_name(issuer.certificate.get()));
  if (!extend(leaf, issuer.certificate.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !extend(leaf, issuer.certificate.get(), NID_key_usage, "critical,digitalSignature") ||
      !extend(leaf, issuer.certificate.get(), NID_ext_key_usage, "serverAuth") ||
      !extend(leaf, issuer.certificate.get(), NID_authority_key_identifier, "keyid") ||
      !extend(leaf, issuer.certificate.get(), NID_subject_alt_name, alternative_names(names)) ||
      X509_sign(leaf, issuer.key.get(), EVP_sha256()) == 0)
    return cannot(files.certificate);
  TRY(write_key(files.key, key.get()));
  // Whoever trusts the server by what it shows pins the authority, which stays.
  return write_certificates(files.certificate, {leaf, issuer.certificate.get()});
}

bool belongs_together(X509* certificate, EVP_PKEY* key) {
  return certificate && key && X509_check_private_key(certificate, key) == 1;
}

}  // namespace

Result<CertificateFiles> own_certificates(const std::string& folder, const std::vector<std::string>& names) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return system_failure(folder);
  const CertificateFiles files{folder + "/authority.pem", folder + "/server.pem", folder + "/server.key"};
  const auto issuer = TRY(authority(files.authority, folder + "/authority.key"));
  const auto present = read_certificate(files.certificate);
  const auto key = read_key(files.key);
  const bool usable = belongs_together(present.get(), key.get()) && lasts(present.get(), kRenewDays) &&
                      is_for(present.get(), names) &&
                      X509_verify(present.get(), X509_get0_pubkey(issuer.certificate.get())) == 1;
  if (!usable) TRY(make_certificate(files, issuer, names));
  return files;
}

}  // namespace osprey::server
