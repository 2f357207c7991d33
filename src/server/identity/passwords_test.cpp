#include "server/identity/passwords.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "server/api/problem.h"

namespace osprey::server::identity {
namespace {

constexpr PasswordOptions kQuick{.memory_kib = 64, .passes = 1};

TEST(Passwords, AreArgon2id) {
  Passwords passwords;
  const auto hash = passwords.hash("correct horse");
  ASSERT_TRUE(hash);
  EXPECT_THAT(*hash, testing::StartsWith("$argon2id$v=19$m=32768,t=2,p=1$"));
  EXPECT_TRUE(*passwords.verify("correct horse", *hash));
  EXPECT_FALSE(*passwords.verify("correct horsf", *hash));
  EXPECT_NE(*hash, *passwords.hash("correct horse"));
}

TEST(Passwords, WhoHasNoneNeverPasses) {
  Passwords passwords(kQuick);
  EXPECT_FALSE(*passwords.verify("", ""));
  EXPECT_FALSE(*passwords.verify("anything at all", ""));
  EXPECT_FALSE(passwords.verify("anything", "no hash"));
}

TEST(Passwords, RulesAreLengthAndTheName) {
  EXPECT_TRUE(check_password("aaaaaaaaaaaa", "ada"));
  EXPECT_TRUE(check_password("жжжжжжжжжжжж", "ada"));
  EXPECT_FALSE(check_password("elevenchars", "ada"));
  EXPECT_FALSE(check_password("жжжжжж", "ada"));  // 12 bytes, 6 characters
  EXPECT_FALSE(check_password("Ada Lovelace King ", "ada lovelace king"));
  EXPECT_FALSE(check_password(std::string(1025, 'a'), "ada"));
  EXPECT_TRUE(check_password(random_password(), "ada"));
  EXPECT_NE(random_password(), random_password());
}

// A flood takes neither the memory nor every worker.
TEST(Passwords, AThousandAtOnceAreBounded) {
  Passwords passwords(PasswordOptions{.memory_kib = 1 << 10, .passes = 1, .parallel = 2, .waiting = 2});
  const auto hash = *Passwords(kQuick).hash("a password of mine");
  std::atomic<int> good = 0, refused = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 50; ++i)
    threads.emplace_back([&] {
      for (int j = 0; j < 20; ++j) {
        const auto verified = passwords.verify("a password of mine", hash);
        if (verified)
          good += *verified;
        else
          refused += verified.error().code == api::kTooMany;
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_GT(good, 0);
  EXPECT_EQ(good + refused, 1000);
  EXPECT_TRUE(*passwords.verify("a password of mine", hash));
}

}  // namespace
}  // namespace osprey::server::identity
