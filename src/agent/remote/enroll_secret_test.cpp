#include "agent/remote/enroll_secret.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <fstream>

namespace osprey::agent {
namespace {

using testing::HasSubstr;

TEST(EnrollSecret, OfAFileIsTrimmedAndReadEachTime) {
  const auto path = testing::TempDir() + "enroll_secret";
  std::ofstream(path) << " first \r\n";
  Flags flags(false);
  flags.set("enroll_secret_path", path);
  flags.set("enroll_secret_env", "HOME");
  const auto secret = EnrollSecret::of(flags);
  EXPECT_EQ(secret.read(), "first");
  std::ofstream(path) << "second";
  EXPECT_EQ(secret.read(), "second");
  EXPECT_EQ(secret.source(), "--enroll_secret_path " + path);
  std::remove(path.c_str());
  EXPECT_THAT(secret.read().error().text(), HasSubstr(path));
}

TEST(EnrollSecret, OfTheEnvironmentIsWipedThere) {
  ::setenv("SECRET_TEST", "sesame", 1);
  const char* kept = std::getenv("SECRET_TEST");
  Flags flags(false);
  flags.set("enroll_secret_env", "SECRET_TEST");
  const auto secret = EnrollSecret::of(flags);
  EXPECT_EQ(secret.read(), "sesame");
  EXPECT_EQ(std::getenv("SECRET_TEST"), nullptr);
  EXPECT_STREQ(kept, "");
}

TEST(EnrollSecret, OfAFlagLeavesFlagsAndArguments) {
  for (const std::string written : {"--enroll_secret=sesame", "-enroll_secret=sesame", "--enroll-secret=sesame"}) {
    std::string program = "ospreyd";
    std::string first = written;
    std::string path = "--enroll_secret_path=/x";
    std::string dashes = "--";
    char* arguments[] = {program.data(), first.data(), path.data(), dashes.data(), nullptr};
    Flags flags(false);
    flags.set("enroll_secret", "sesame");
    hide_enroll_secret(arguments, flags);
    EXPECT_EQ(first, written.substr(0, written.find('=') + 1) + std::string(6, '\0'));
    EXPECT_EQ(path, "--enroll_secret_path=/x");
    EXPECT_EQ(flags.text("enroll_secret"), "");
    EXPECT_EQ(EnrollSecret::of(flags).read(), "sesame");
  }
  std::string flag = "--enroll_secret";
  std::string value = "sesame";
  char* arguments[] = {flag.data(), value.data(), nullptr};
  Flags flags(false);
  flags.set("enroll_secret", "sesame");
  hide_enroll_secret(arguments, flags);
  EXPECT_EQ(value, std::string(6, '\0'));
  EXPECT_EQ(EnrollSecret::of(flags).read(), "sesame");
}

TEST(EnrollSecret, MayBeNone) { EXPECT_EQ(EnrollSecret::of(Flags(false)).read(), ""); }

}  // namespace
}  // namespace osprey::agent
