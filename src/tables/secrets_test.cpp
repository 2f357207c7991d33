#include "tables/secrets.h"

#include <gtest/gtest.h>

namespace osprey::tables {
namespace {

TEST(Secrets, NamesThatSaySo) {
  for (const auto* name : {"PASSWORD", "DB_PASSWORD", "MYSQL_ROOT_PASSWORD", "PGPASSWORD", "SSH_KEY_PASSPHRASE",
                           "GITHUB_TOKEN", "githubToken", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "apiKey",
                           "API_KEY", "GOOGLE_APPLICATION_CREDENTIALS", "snmp.community", "REDIS_PASS"})
    EXPECT_TRUE(names_secret(name)) << name;
}

TEST(Secrets, NamesThatDoNot) {
  for (const auto* name : {"", "PATH", "PWD", "OLDPWD", "HOME", "KEYBOARD", "MONKEY", "COMPASS", "SSH_PUBLIC_KEY",
                           "SSH_AUTH_SOCK", "LANG"})
    EXPECT_FALSE(names_secret(name)) << name;
}

}  // namespace
}  // namespace osprey::tables
