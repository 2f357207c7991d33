#include "server/certificates.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "base/temporary_tree.h"

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

TEST_F(Certificates, AFolderThatCannotBeMadeIsNamed) {
  const auto made = own_certificates((top / "absent" / "tls").string(), {"localhost"});
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().text().find("absent/tls"), std::string::npos);
}

}  // namespace
}  // namespace osprey::server
