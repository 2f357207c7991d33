#include "events/watch/file_hasher.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/temporary_tree.h"
#include "events/watch/file_reporter.h"

namespace osprey::events {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// compat/osquery.md 5.5: hashed 1, 0, -1.
class FileHasherTest : public TemporaryTree {
 protected:
  // "NAME hashed sha256"
  std::vector<std::string> back(FileHasher& hasher) {
    std::vector<std::string> rows;
    while (rows.size() < taken_ && wait(hasher)) {
      hasher.finished([&](FileEvent& event) {
        rows.push_back(std::filesystem::path(event.path).filename().string() + ' ' + std::to_string(event.hashed) +
                       ' ' + std::string(event.sha256));
      });
    }
    taken_ = 0;
    return rows;
  }
  bool take(FileHasher& hasher, const std::string& name) {
    FileEvent event;
    const auto path = (top / name).string();
    event.path = path;
    event.category = "c";
    event.file = file_state(AT_FDCWD, path.c_str());
    event.to_hash = true;
    return take(hasher, event);
  }
  bool take(FileHasher& hasher, FileEvent& event) {
    const bool taken = hasher.take(event);
    taken_ += taken;
    return taken;
  }
  static bool wait(const FileHasher& hasher) {
    pollfd ready{hasher.descriptor(), POLLIN, 0};
    return ::poll(&ready, 1, 30'000) == 1;
  }

  std::size_t taken_ = 0;  // and not back yet
};

constexpr std::string_view kOfAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST_F(FileHasherTest, FilesComeBackInOrderWithTheirDigests) {
  linux::DigestCache cache(10);
  FileHasher hasher({.digests = &cache});
  write("a", "abc");
  write("b", "");
  EXPECT_TRUE(take(hasher, "a"));
  EXPECT_TRUE(take(hasher, "b"));
  EXPECT_THAT(back(hasher), ElementsAre("a 1 " + std::string(kOfAbc),
                                        "b 1 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
  EXPECT_EQ(cache.size(), 2U);
  EXPECT_TRUE(take(hasher, "a"));
  EXPECT_THAT(back(hasher), ElementsAre("a 1 " + std::string(kOfAbc))) << "from the cache";
  EXPECT_EQ(hasher.counts().hashed, 3U);
}

TEST_F(FileHasherTest, AnotherFileAtThePathIsNotTheOne) {
  FileHasher hasher({});
  write("a", "abc");
  write("b", "x");
  FileEvent event;
  const auto path = (top / "a").string();
  event.path = path;
  event.file = file_state(AT_FDCWD, path.c_str());
  event.to_hash = true;
  std::filesystem::rename(top / "b", top / "a");
  EXPECT_TRUE(take(hasher, event));
  EXPECT_THAT(back(hasher), ElementsAre("a -1 "));
  std::filesystem::remove(top / "a");
  std::filesystem::create_symlink("/etc/passwd", top / "a");
  EXPECT_TRUE(take(hasher, event));
  EXPECT_THAT(back(hasher), ElementsAre("a -1 ")) << "a link is not followed";
}

TEST_F(FileHasherTest, WhatIsTooMuchIsLeft) {
  linux::IoBudget budget({.bytes = 0, .opens = 1});
  FileHasher hasher({.budget = &budget, .largest = 10, .most = 2, .patience = std::chrono::milliseconds(1)});
  write("large", "0123456789a");
  EXPECT_FALSE(take(hasher, "large"));
  EXPECT_EQ(hasher.counts().too_large, 1U);
  write("a", "abc");
  FileEvent event;
  EXPECT_FALSE(hasher.take(event)) << "nobody asked";
  while (budget.open([] { return true; })) {
  }
  EXPECT_TRUE(take(hasher, "a"));
  EXPECT_TRUE(take(hasher, "a"));
  EXPECT_FALSE(take(hasher, "a")) << "no room";
  const auto rows = back(hasher);
  EXPECT_THAT(rows, ElementsAre("a 0 ", "a 0 ")) << "no budget";
}

// Whoever stops does not wait for a budget that gives nothing.
TEST_F(FileHasherTest, WhatIsNotDoneAtTheEndComesBackAsItWas) {
  linux::IoBudget budget({.bytes = 1, .opens = 0});
  EXPECT_TRUE(budget.read(1 << 30, [] { return true; })) << "to be paid off";
  FileHasher hasher({.budget = &budget});
  write("a", "abc");
  write("b", "abc");
  for (const auto* name : {"a", "b", "a"}) EXPECT_TRUE(take(hasher, name));
  hasher.finish(std::chrono::milliseconds(1));
  EXPECT_THAT(back(hasher), ElementsAre("a 0 ", "b 0 ", "a 0 "));
  EXPECT_EQ(hasher.counts().refused, 3U);
  EXPECT_FALSE(take(hasher, "a")) << "for good";
}

}  // namespace
}  // namespace osprey::events
