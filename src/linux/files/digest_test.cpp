#include "linux/files/digest.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "linux/files/digest_cache.h"
#include "linux/files/digest_pool.h"

namespace osprey::linux {
namespace {

using testing::HasSubstr;

class DigestTest : public testing::Test {
 protected:
  DigestTest() {
    std::string name = std::filesystem::temp_directory_path() / "digest_XXXXXX";
    top_ = ::mkdtemp(name.data());
    kinds_.add(DigestKind::sha256);
  }
  ~DigestTest() override { std::filesystem::remove_all(top_); }

  UniqueFd file(const std::string& name, std::string_view text) {
    UniqueFd fd(::open((top_ / name).c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    EXPECT_EQ(::write(fd.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    return fd;
  }
  std::string sha256(int fd) {
    const auto digests = digest_file(fd, kinds_, never_, "file");
    return digests ? (*digests)[DigestKind::sha256] : digests.error().text();
  }
  static std::shared_ptr<DigestPool::Job> job(std::string path) {
    return std::make_shared<DigestPool::Job>(std::move(path));
  }

  static Result<FileDigests> finish(DigestPool& pool, const std::string& path) {
    const auto one = job(path);
    return pool.finish(one);
  }

  std::filesystem::path top_;
  std::atomic<bool> never_{false};
  DigestSet kinds_;
};

constexpr std::string_view kEmpty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr std::string_view kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

// Test vectors of FIPS 180-4 and RFC 1321.
TEST_F(DigestTest, AllAtOnce) {
  DigestSet all;
  for (std::size_t i = 0; i < kDigestKinds; ++i) all.add(static_cast<DigestKind>(i));
  const auto fd = file("abc", "abc");
  const auto digests = digest_file(fd.get(), all, never_, "abc");
  ASSERT_TRUE(digests);
  EXPECT_EQ((*digests)[DigestKind::md5], "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ((*digests)[DigestKind::sha1], "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ((*digests)[DigestKind::sha256], kAbc);
  EXPECT_EQ(
      (*digests)[DigestKind::sha512],
      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643"
      "ce80e2a9ac94fa54ca49f");
}

TEST_F(DigestTest, OnlyWhatIsAskedFor) {
  const auto fd = file("abc", "abc");
  const auto digests = digest_file(fd.get(), kinds_, never_, "abc");
  ASSERT_TRUE(digests);
  EXPECT_TRUE((*digests)[DigestKind::md5].empty());
  EXPECT_TRUE(digests->holds(kinds_));
  DigestSet more = kinds_;
  more.add(DigestKind::md5);
  EXPECT_FALSE(digests->holds(more));
}

TEST_F(DigestTest, Empty) { EXPECT_EQ(sha256(file("empty", "").get()), kEmpty); }

TEST_F(DigestTest, SeveralBlocks) {
  // A million letters a, as in FIPS 180-4's example.
  EXPECT_EQ(sha256(file("million", std::string(1'000'000, 'a')).get()),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_F(DigestTest, HolesAreZeros) {
  const auto sparse = file("sparse", "start");
  ASSERT_EQ(::pwrite(sparse.get(), "middle", 6, 3'000'000), 6);
  ASSERT_EQ(::ftruncate(sparse.get(), 5'000'001), 0);
  std::string same(5'000'001, '\0');
  same.replace(0, 5, "start").replace(3'000'000, 6, "middle");
  const auto full = file("full", same);
  EXPECT_EQ(sha256(sparse.get()), sha256(full.get()));
  const auto hole = file("hole", "");
  ASSERT_EQ(::ftruncate(hole.get(), 5'000'001), 0);
  EXPECT_EQ(sha256(hole.get()), sha256(file("zeros", std::string(5'000'001, '\0')).get()));
}

TEST_F(DigestTest, Stopped) {
  const std::atomic<bool> stop{true};
  const auto fd = file("abc", "abc");
  const auto digests = digest_file(fd.get(), kinds_, stop, "abc");
  ASSERT_FALSE(digests);
  EXPECT_EQ(digests.error().code, ECANCELED);
}

TEST_F(DigestTest, PoolKeepsJobsApart) {
  std::vector<std::shared_ptr<DigestPool::Job>> jobs;
  for (int i = 0; i < 50; ++i) {
    const auto path = fmt::format("/{}", i);
    file(path.substr(1), i % 2 ? "abc" : "");
    jobs.push_back(job(path));
  }
  DigestPool pool(*Root::at(top_), kinds_, nullptr, nullptr, Interrupt::never());
  for (const auto& one : jobs) pool.start(one);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const auto& result = pool.finish(jobs[i]);
    ASSERT_TRUE(result) << result.error().text();
    EXPECT_EQ(result->digests[DigestKind::sha256], i % 2 ? kAbc : kEmpty);
    EXPECT_FALSE(result->cached);
  }
}

TEST_F(DigestTest, PoolEndsWithJobsUndone) {
  file("a", std::string(10'000'000, 'a'));
  DigestPool pool(*Root::at(top_), kinds_, nullptr, nullptr, Interrupt::never());
  for (int i = 0; i < 100; ++i) pool.start(job("/a"));
}

TEST_F(DigestTest, PoolRefusesWhatIsNoFile) {
  ::mkfifo((top_ / "fifo").c_str(), 0600);
  DigestPool pool(*Root::at(top_), kinds_, nullptr, nullptr, Interrupt::never());
  EXPECT_THAT(finish(pool, "/fifo").error().text(), HasSubstr("is a FIFO"));
  EXPECT_TRUE(finish(pool, "/absent").error().absent());
}

TEST_F(DigestTest, PoolIsInterrupted) {
  file("abc", "abc");
  const UniqueFd big = file("big", "");
  ASSERT_EQ(::ftruncate(big.get(), 1LL << 40), 0);
  Interrupt interrupt(Interrupt::Clock::now() + std::chrono::milliseconds(50));
  DigestPool pool(*Root::at(top_), kinds_, nullptr, nullptr, interrupt);
  const auto result = finish(pool, "/big");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ECANCELED);
}

TEST_F(DigestTest, WhatIsReadComesOutOfTheBudget) {  // LIM-15
  file("a", std::string(300'000, 'a'));
  ASSERT_EQ(::ftruncate(file("hole", "a").get(), 50'000'000), 0);
  IoBudget budget({.bytes = 1 << 30, .opens = 1000});
  DigestPool pool(*Root::at(top_), kinds_, nullptr, &budget, Interrupt::never());
  EXPECT_TRUE(finish(pool, "/a"));
  EXPECT_TRUE(finish(pool, "/hole"));
  ::usleep(1'050'000);  // a second's use is told when it has ended
  const auto peak = budget.bytes().peak;
  EXPECT_GT(peak, 0u);
  EXPECT_LE(peak, 310'000u) << "holes are not read";
  EXPECT_GT(budget.opens().peak, 0u);
  EXPECT_EQ(budget.bytes().waits, 0u);
}

TEST_F(DigestTest, AnInterruptEndsTheWaitForTheBudget) {
  file("a", "a");
  IoBudget budget({.bytes = 1, .opens = 0});
  ASSERT_TRUE(budget.read(1 << 20, [] { return true; }));
  Interrupt interrupt;
  std::thread asker([&] {
    while (budget.bytes().waits == 0) std::this_thread::yield();
    interrupt.request();
  });
  DigestPool pool(*Root::at(top_), kinds_, nullptr, &budget, interrupt);
  const auto result = finish(pool, "/a");
  asker.join();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ECANCELED);
}

TEST_F(DigestTest, CachedUntilTheFileChanges) {
  const auto fd = file("abc", "abc");
  const timespec long_ago[2] = {{1'000'000, 0}, {1'000'000, 0}};
  DigestCache cache(10);
  const auto ask = [&] {
    DigestPool pool(*Root::at(top_), kinds_, &cache, nullptr, Interrupt::never());
    return *finish(pool, "/abc");
  };
  EXPECT_FALSE(ask().cached);
  EXPECT_EQ(cache.size(), 0u);  // changed less than a second ago: too fresh to tell from a later change
  ::usleep(1'100'000);
  EXPECT_FALSE(ask().cached);
  EXPECT_TRUE(ask().cached);
  EXPECT_EQ(ask().digests[DigestKind::sha256], kAbc);
  // Same size, times set back: the change time still tells.
  ASSERT_EQ(::pwrite(fd.get(), "abd", 3, 0), 3);
  ASSERT_EQ(::futimens(fd.get(), long_ago), 0);
  const auto changed = ask();
  EXPECT_FALSE(changed.cached);
  EXPECT_NE(changed.digests[DigestKind::sha256], kAbc);
}

TEST(DigestCache, Forgets) {
  DigestCache cache(10);
  Digests digests;
  digests[DigestKind::md5] = "x";
  cache.insert({.inode = 1}, digests);
  cache.clear();
  EXPECT_EQ(cache.size(), 0u);
  DigestSet md5;
  md5.add(DigestKind::md5);
  EXPECT_FALSE(cache.find({.inode = 1}, md5));
  cache.insert({.inode = 1}, digests);
  EXPECT_TRUE(cache.find({.inode = 1}, md5));
}

TEST(DigestCache, LeastRecentlyUsedGoesFirst) {
  DigestCache cache(2);
  DigestSet md5;
  md5.add(DigestKind::md5);
  DigestSet sha1;
  sha1.add(DigestKind::sha1);
  Digests digests;
  digests[DigestKind::md5] = "m";
  const FileVersion a{.inode = 1};
  const FileVersion b{.inode = 2};
  const FileVersion c{.inode = 3};
  cache.insert(a, digests);
  cache.insert(b, digests);
  EXPECT_TRUE(cache.find(a, md5));
  EXPECT_FALSE(cache.find(a, sha1));
  cache.insert(c, digests);
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_FALSE(cache.find(b, md5));
  EXPECT_TRUE(cache.find(a, md5));
  Digests more;
  more[DigestKind::sha1] = "s";
  cache.insert(a, more);
  EXPECT_EQ((*cache.find(a, sha1))[DigestKind::md5], "m");
}

}  // namespace
}  // namespace osprey::linux
