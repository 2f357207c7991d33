#include "server/certificates.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <ctime>
#include <fstream>
#include <iterator>
#include <memory>

#include "base/temporary_tree.h"
#include "net/fingerprint.h"

namespace osprey::server {
namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

using Certificates = TemporaryTree;

TEST_F(Certificates, AreMadeOnceAndKept) {
  const auto folder = (top / "tls").string();
  const auto made = own_certificates(folder, {"localhost", "127.0.0.1", "::1"});
  ASSERT_TRUE(made) << made.error().text();
  const auto first = text_of(made->certificate);
  const auto authority = text_of(made->authority);
  EXPECT_NE(first.find("BEGIN CERTIFICATE"), std::string::npos);
  struct stat about{};
  ASSERT_EQ(::stat(made->key.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600U);
  ASSERT_TRUE(own_certificates(folder, {"localhost"}));
  EXPECT_EQ(text_of(made->certificate), first);
  // Another name: another certificate by the same authority, so that hosts go on trusting it.
  ASSERT_TRUE(own_certificates(folder, {"localhost", "fleet.example.com"}));
  EXPECT_NE(text_of(made->certificate), first);
  EXPECT_EQ(text_of(made->authority), authority);
}

// Hosts check the server's certificate by clocks of their own.
TEST_F(Certificates, AreGoodForClocksAYearOff) {
  const auto made = own_certificates((top / "tls").string(), {"localhost"});
  ASSERT_TRUE(made);
  constexpr std::time_t kYear = 365 * 86400;
  for (const std::time_t off : {-kYear, std::time_t{0}, kYear}) {
    const std::unique_ptr<X509_STORE, void (*)(X509_STORE*)> store(X509_STORE_new(), X509_STORE_free);
    ASSERT_EQ(X509_STORE_load_file(store.get(), made->authority.c_str()), 1);
    X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store.get()), std::time(nullptr) + off);
    const std::unique_ptr<X509_STORE_CTX, void (*)(X509_STORE_CTX*)> check(X509_STORE_CTX_new(), X509_STORE_CTX_free);
    const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(made->certificate.c_str(), "r"), std::fclose);
    const std::unique_ptr<X509, void (*)(X509*)> leaf(PEM_read_X509(file.get(), nullptr, nullptr, nullptr), X509_free);
    ASSERT_EQ(X509_STORE_CTX_init(check.get(), store.get(), leaf.get(), nullptr), 1);
    EXPECT_EQ(X509_verify_cert(check.get()), 1) << X509_verify_cert_error_string(X509_STORE_CTX_get_error(check.get()));
  }
}

TEST_F(Certificates, ShowTheAuthorityToWhoTrustsWhatIsShown) {
  const auto made = own_certificates((top / "tls").string(), {"localhost"});
  ASSERT_TRUE(made);
  const auto chain = text_of(made->certificate);
  EXPECT_TRUE(chain.ends_with(text_of(made->authority)));
  EXPECT_EQ(net::fingerprint_of(text_of(made->authority)).size(), 32 * 3 - 1);
  EXPECT_NE(net::fingerprint_of(text_of(made->authority)), net::fingerprint_of(chain));
  EXPECT_EQ(net::fingerprint_of("no certificate"), "");
}

TEST_F(Certificates, AFolderThatCannotBeMadeIsNamed) {
  const auto made = own_certificates((top / "absent" / "tls").string(), {"localhost"});
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().text().find("absent/tls"), std::string::npos);
}

}  // namespace
}  // namespace osprey::server
