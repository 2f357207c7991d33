#include "events/enrich/file_hasher.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>

#include "base/temporary_tree.h"
#include "events/watch/file_reporter.h"

namespace osprey::events {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;
using Clock = FileHasher::Clock;

constexpr std::string_view kOfAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

class FileHasherTest : public TemporaryTree {
 protected:
  FileHasher::Options of_changes() {
    auto options = FileHasher::of_changes(10);
    options.digests = digests;
    return options;
  }
  // Of any size: with sanitizers this process's executable has more bytes than are read of others.
  FileHasher::Options of_code() {
    auto options = FileHasher::of_code(true);
    options.digests = digests;
    options.largest = std::int64_t{1} << 40;
    options.root = root();
    return options;
  }

  // Events as sources tell them; their texts are valid until the next of these.
  FileEvent changed(const std::string& name) {
    path_ = (top / name).string();
    FileEvent event;
    event.header.origin = Origin::fanotify;
    event.path = path_;
    event.category = "c";
    event.file = file_state(AT_FDCWD, path_.c_str());
    event.to_hash = true;
    return event;
  }
  // This process runs its executable.
  static ProcessEvent executed(std::string_view name) {
    ProcessEvent event;
    event.header.origin = Origin::bpf;
    event.syscall = "execve";
    event.filename = name;
    event.actor.process.pid = ::getpid();
    return event;
  }
  static KernelModuleEvent loaded(std::string_view path) {
    KernelModuleEvent event;
    event.header.origin = Origin::bpf;
    event.action = "load";
    event.path = path;
    return event;
  }

  bool take(FileHasher& hasher, AnyEvent event) {
    const bool taken = hasher.take(event);
    taken_ += taken;
    return taken;
  }
  bool take_changed(FileHasher& hasher, const std::string& name) {
    auto event = changed(name);
    return take(hasher, &event);
  }
  // All that were taken and are not back: files and modules as "NAME hashed sha256" and "NAME signed sha256", programs
  // as "NAME" or, without a digest, as "NAME-".
  std::vector<std::string> back(FileHasher& hasher) {
    std::vector<std::string> rows;
    while (taken_ > 0 && wait(hasher))
      for (auto& row : finished(hasher)) rows.push_back(std::move(row));
    return rows;
  }
  std::vector<std::string> finished(FileHasher& hasher, Clock::duration later = 0s) {
    std::vector<std::string> rows;
    hasher.finished(Clock::now() + later, [&](AnyEvent event) {
      --taken_;
      std::visit([&](const auto* one) { rows.push_back(row_of(*one)); }, event);
    });
    return rows;
  }
  static bool wait(const FileHasher& hasher) {
    pollfd ready{hasher.descriptor(), POLLIN, 0};
    return ::poll(&ready, 1, 30'000) == 1;
  }

  std::shared_ptr<linux::DigestCache> digests = std::make_shared<linux::DigestCache>(16);

 private:
  static std::string name_of(std::string_view path) { return std::filesystem::path(path).filename().string() + " "; }
  static std::string row_of(const FileEvent& event) {
    return name_of(event.path) + std::to_string(event.hashed) + " " + std::string(event.sha256);
  }
  static std::string row_of(const KernelModuleEvent& event) {
    const std::string is_signed = event.is_signed ? std::to_string(*event.is_signed) : "?";
    return name_of(event.path) + is_signed + " " + std::string(event.sha256);
  }
  static std::string row_of(const ProcessEvent& event) {
    return std::string(event.filename) + (event.executable_sha256.size() == 64 ? "" : "-");
  }
  template <class Other>
  static std::string row_of(const Other&) {
    return "another kind";
  }

  std::string path_;
  std::size_t taken_ = 0;  // and not back yet
};

// Stands for files on a disk that does not answer.
class Hang {
 public:
  Result<linux::Digests> digest() {
    std::unique_lock lock(mutex_);
    hanging_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return over_; });
    return failure("file", "gone");
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return hanging_; });
  }
  void end() {
    const std::lock_guard lock(mutex_);
    over_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool hanging_ = false;
  bool over_ = false;
};

// compat/osquery.md 5.5: hashed 1, 0, -1.
TEST_F(FileHasherTest, FilesComeBackInOrderWithTheirDigests) {
  FileHasher hasher(of_changes());
  write("a", "abc");
  write("b", "");
  EXPECT_TRUE(take_changed(hasher, "a"));
  EXPECT_TRUE(take_changed(hasher, "b"));
  EXPECT_THAT(back(hasher), ElementsAre("a 1 " + std::string(kOfAbc),
                                        "b 1 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
  EXPECT_EQ(digests->size(), 2U);
  auto event = changed("a");
  EXPECT_TRUE(hasher.take(&event));
  ASSERT_TRUE(wait(hasher));
  hasher.finished(Clock::now(), [](AnyEvent known) {
    const auto& file = *std::get<FileEvent*>(known);
    EXPECT_EQ(file.md5, "900150983cd24fb0d6963f7d28e17f72");
    EXPECT_EQ(file.sha1, "a9993e364706816aba3e25717850c26c9cd0d89d");
    EXPECT_EQ(file.sha256, kOfAbc);
    EXPECT_TRUE(file.sha512.starts_with("ddaf35a193617aba")) << file.sha512;
  });
  EXPECT_THAT(hasher.without(Origin::fanotify), IsEmpty());
}

TEST_F(FileHasherTest, WhatIsKnownIsNotReadAgain) {
  auto counting = of_code();
  auto read = std::make_shared<std::atomic<int>>(0);
  counting.digest = [read](int file, std::string_view path) {
    ++*read;
    const std::atomic<bool> never = false;
    return linux::digest_file(file, {linux::DigestKind::sha256}, never, path);
  };
  FileHasher hasher(counting);
  for (const auto* name : {"a", "b", "c"}) {
    auto event = executed(name);
    EXPECT_TRUE(take(hasher, &event));
  }
  EXPECT_THAT(back(hasher), ElementsAre("a", "b", "c"));
  EXPECT_EQ(*read, 1);
}

TEST_F(FileHasherTest, AnotherFileAtThePathIsNotTheOne) {
  FileHasher hasher(of_changes());
  write("a", "abc");
  write("b", "x");
  auto event = changed("a");
  std::filesystem::rename(top / "b", top / "a");
  EXPECT_TRUE(take(hasher, &event));
  EXPECT_THAT(back(hasher), ElementsAre("a -1 "));
  std::filesystem::remove(top / "a");
  std::filesystem::create_symlink("/etc/passwd", top / "a");
  EXPECT_TRUE(take(hasher, &event));
  EXPECT_THAT(back(hasher), ElementsAre("a -1 ")) << "a link is not followed";
  std::filesystem::remove(top / "a");
  ASSERT_EQ(::mkfifo((top / "a").c_str(), 0600), 0);
  EXPECT_TRUE(take_changed(hasher, "a"));
  EXPECT_THAT(back(hasher), ElementsAre("a -1 ")) << "nor is a FIFO opened, which would wait for its writer";
  EXPECT_THAT(hasher.without(Origin::fanotify), ElementsAre(Pair("cannot be read", 3)));
}

TEST_F(FileHasherTest, OnlyWhatIsAskedForIsTaken) {
  FileHasher changes(of_changes());
  FileHasher code(of_code());
  FileHasher modules(FileHasher::of_code(false));
  write("a", "abc");
  auto file = changed("a");
  auto exec = executed("a");
  auto module = loaded("/a");
  EXPECT_FALSE(code.take(&file));
  EXPECT_FALSE(changes.take(&exec));
  EXPECT_FALSE(modules.take(&exec));
  EXPECT_FALSE(changes.take(&module));
  file.to_hash = false;
  EXPECT_FALSE(changes.take(&file));
  exec.result = -2;
  EXPECT_FALSE(code.take(&exec)) << "it failed";
  auto fork = executed("fork");
  fork.syscall = "clone";
  EXPECT_FALSE(code.take(&fork));
  module.action = "unload";
  EXPECT_FALSE(code.take(&module));
  module = loaded("/a");
  module.actor.container_id = "another's path";
  EXPECT_FALSE(code.take(&module));
}

// EVT-19
TEST_F(FileHasherTest, ModulesHaveTheirFilesDigestAndWhetherItIsSigned) {
  write("lib/signed.ko",
        "\x7f"
        "ELF code~Module signature appended~\n");
  write("lib/plain.ko",
        "\x7f"
        "ELF");
  write("lib/packed.ko.zst", "abc");
  FileHasher hasher(of_code());
  for (int i = 0; i < 2; ++i) {  // again from the cache
    for (const auto* path : {"/lib/signed.ko", "/lib/plain.ko", "/lib/packed.ko.zst", "/lib/none.ko"}) {
      auto event = loaded(path);
      EXPECT_TRUE(take(hasher, &event));
    }
    EXPECT_THAT(back(hasher),
                ElementsAre("signed.ko 1 87c9add18d9758b230b2ceae4c8895f5c7e4b4180bf59fee4c3a8db09fde2d97",
                            "plain.ko 0 3bdbb4fe8397cd2b842430b39ccff01a8663c751945ef5e9a09e267fb8b1d359",
                            "packed.ko.zst ? " + std::string(kOfAbc), "none.ko ? "));
  }
  EXPECT_THAT(hasher.without(Origin::bpf), ElementsAre(Pair("cannot be read", 2)));
  EXPECT_THAT(hasher.without(Origin::fanotify), IsEmpty()) << "those are another's";
}

TEST_F(FileHasherTest, WhatIsTooMuchIsLeft) {
  auto poor = of_code();
  poor.budget = std::make_shared<linux::IoBudget>(linux::IoBudget::Rates{.bytes = 1, .opens = 0});
  ASSERT_TRUE(poor.budget->read(1 << 30, [] { return true; })) << "to be paid off";
  FileHasher code(poor);
  auto exec = executed("a");
  exec.executable.inode = 1;  // since then it has run another program
  EXPECT_TRUE(take(code, &exec));
  exec.executable.inode.reset();
  EXPECT_TRUE(take(code, &exec));
  EXPECT_THAT(back(code), ElementsAre("a-", "a-"));
  EXPECT_THAT(code.without(Origin::bpf),
              UnorderedElementsAre(Pair("cannot be read", 1), Pair("over the I/O budget", 1)));

  auto few = of_changes();
  few.most = 2;
  few.patience = 1ms;
  few.budget = std::make_shared<linux::IoBudget>(linux::IoBudget::Rates{.bytes = 0, .opens = 1});
  while (few.budget->open([] { return true; })) {
  }
  FileHasher changes(few);
  write("a", "abc");
  auto grows = changed("a");
  write("a", "0123456789a");
  EXPECT_TRUE(take(changes, &grows));
  EXPECT_FALSE(take_changed(changes, "a")) << "too large";
  write("b", "abc");
  EXPECT_TRUE(take_changed(changes, "b"));
  EXPECT_FALSE(take_changed(changes, "b")) << "no room";
  EXPECT_THAT(back(changes), ElementsAre("a 0 ", "b 0 "));
  std::uint64_t without = 0;
  for (const auto& [why, count] : changes.without(Origin::fanotify)) without += count;
  EXPECT_EQ(without, 4U);
}

// Whoever stops does not wait for a budget that gives nothing.
TEST_F(FileHasherTest, WhatIsNotDoneAtTheEndComesBackAsItWas) {
  auto poor = of_changes();
  poor.budget = std::make_shared<linux::IoBudget>(linux::IoBudget::Rates{.bytes = 1, .opens = 0});
  ASSERT_TRUE(poor.budget->read(1 << 30, [] { return true; })) << "to be paid off";
  FileHasher hasher(poor);
  write("a", "abc");
  write("b", "abc");
  for (const auto* name : {"a", "b", "a"}) EXPECT_TRUE(take_changed(hasher, name));
  hasher.finish(Clock::now());
  EXPECT_THAT(finished(hasher), ElementsAre("a 0 ", "b 0 ", "a 0 "));
  EXPECT_FALSE(take_changed(hasher, "a")) << "for good";
  EXPECT_THAT(hasher.without(Origin::fanotify), ElementsAre(Pair("too late", 4)));
}

// What hangs holds up nobody: neither those who wait nor an end.
TEST_F(FileHasherTest, AFileMayHang) {
  write("a", "abc");
  for (auto hanging : {of_changes(), of_code()}) {
    auto hang = std::make_shared<Hang>();
    hanging.kinds.set();
    hanging.root = Root::host();
    hanging.largest = std::int64_t{1} << 40;
    hanging.most = 3;
    hanging.digest = [hang](int, std::string_view) { return hang->digest(); };
    {
      FileHasher hasher(hanging);
      auto exec = executed("b");
      EXPECT_TRUE(take_changed(hasher, "a"));
      EXPECT_TRUE(take(hasher, &exec));
      hang->wait();
      EXPECT_THAT(finished(hasher), IsEmpty());
      EXPECT_THAT(finished(hasher, 2min), ElementsAre("a 0 ", "b-"));
      EXPECT_TRUE(take(hasher, &exec));
      EXPECT_TRUE(take(hasher, &exec));
      EXPECT_FALSE(take(hasher, &exec)) << "there is no room";
      hasher.finish(Clock::now());
      EXPECT_THAT(finished(hasher), ElementsAre("b-", "b-"));
      EXPECT_THAT(hasher.without(Origin::bpf), UnorderedElementsAre(Pair("too late", 3), Pair("too many", 1)));
    }
    hang->end();
  }
}

}  // namespace
}  // namespace osprey::events
