#include "events/enrich/executable_hasher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>

namespace osprey::events {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

class ExecutableHasherTest : public testing::Test {
 protected:
  // This process runs its executable.
  static ProcessEvent exec(std::string_view name) {
    ProcessEvent event;
    event.syscall = "execve";
    event.filename = name;
    event.actor.process.pid = ::getpid();
    return event;
  }
  // Of any size: with sanitizers it has more bytes than are read of others.
  ExecutableHasher::Options options() {
    return {.digests = &digests, .budget = &budget, .largest = std::int64_t{1} << 40};
  }
  // "a" for one that came back with a digest, "a-" for one without.
  static std::vector<std::string> finished(ExecutableHasher& hasher, std::chrono::seconds later = 0s) {
    std::vector<std::string> names;
    hasher.finished(ExecutableHasher::Clock::now() + later, [&](ProcessEvent& event) {
      names.push_back(std::string(event.filename) + (event.executable_sha256.size() == 64 ? "" : "-"));
    });
    return names;
  }

  linux::DigestCache digests{16};
  linux::IoBudget budget{{}};
};

// Stands for a file of a server that does not answer.
class Hang {
 public:
  ~Hang() { end(); }
  Result<linux::Digests> digest() {
    std::unique_lock lock(mutex_);
    ++hanging_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return over_; });
    return failure("file", "gone");
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return hanging_ > 0; });
  }
  void end() {
    const std::lock_guard lock(mutex_);
    over_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int hanging_ = 0;
  bool over_ = false;
};

TEST_F(ExecutableHasherTest, ReadsWhatIsTheSameOnce) {
  ExecutableHasher hasher(options());
  for (const auto* name : {"a", "b", "c"}) {
    auto event = exec(name);
    EXPECT_TRUE(hasher.take(event));
  }
  hasher.finish(60s);
  EXPECT_THAT(finished(hasher), ElementsAre("a", "b", "c"));
  EXPECT_EQ(hasher.counts().hashed, 1U);
  EXPECT_EQ(hasher.counts().unhashed, 0U);
}

TEST_F(ExecutableHasherTest, OthersAreNotTaken) {
  ExecutableHasher hasher(options());
  auto failed = exec("failed");
  failed.result = -2;
  EXPECT_FALSE(hasher.take(failed));
  auto fork = exec("fork");
  fork.syscall = "clone";
  EXPECT_FALSE(hasher.take(fork));
}

TEST_F(ExecutableHasherTest, WhatIsGoneTooLargeOrTooMuchHasNone) {
  const auto one = [](const ExecutableHasher::Options& options, ProcessEvent event) {
    ExecutableHasher hasher(options);
    EXPECT_TRUE(hasher.take(event));
    hasher.finish(60s);
    EXPECT_THAT(finished(hasher), ElementsAre("a-"));
    EXPECT_EQ(hasher.counts().unhashed, 1U);
  };
  auto another = exec("a");
  another.executable.inode = 1;  // since then it has run another program
  one(options(), another);
  auto small = options();
  small.largest = 100;
  one(small, exec("a"));
  linux::IoBudget tight({.bytes = 1, .opens = 1});
  ASSERT_TRUE(tight.read(1000, [] { return true; }));
  auto poor = options();
  poor.budget = &tight;
  one(poor, exec("a"));
}

// What hangs holds up nobody: neither those who wait nor an end.
TEST_F(ExecutableHasherTest, AFileMayHang) {
  auto hang = std::make_shared<Hang>();
  auto hanging = options();
  hanging.most = 3;
  hanging.digest = [hang](int, std::string_view) { return hang->digest(); };
  {
    ExecutableHasher hasher(hanging);
    for (const auto* name : {"a", "b"}) {
      auto event = exec(name);
      EXPECT_TRUE(hasher.take(event));
    }
    hang->wait();
    EXPECT_THAT(finished(hasher), ElementsAre());
    EXPECT_THAT(finished(hasher, 10s), ElementsAre("a-", "b-"));
    auto more = exec("c");
    EXPECT_TRUE(hasher.take(more));
    EXPECT_TRUE(hasher.take(more));
    EXPECT_FALSE(hasher.take(more)) << "there is no room";
    hasher.finish(0s);
    EXPECT_THAT(finished(hasher), ElementsAre("c-", "c-"));
    EXPECT_EQ(hasher.counts().unhashed, 5U);
  }
  hang->end();
}

}  // namespace
}  // namespace osprey::events
