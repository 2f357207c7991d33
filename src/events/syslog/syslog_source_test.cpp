#include "events/syslog/syslog_source.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <thread>
#include <vector>

#include "base/temporary_tree.h"

namespace osprey::events {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Heard {
  std::string tag, message, source, path;
  std::int64_t severity = 0;
  std::int64_t pid = 0;
  std::optional<std::uint32_t> uid;
};

class SyslogSourceTest : public TemporaryTree, public EventSink {
 protected:
  void take(AnyEvent any) override {
    const SyslogEvent& event = **std::get_if<SyslogEvent*>(&any);
    heard.push_back({std::string(event.tag), std::string(event.message), std::string(event.source),
                     std::string(event.actor.path), event.severity, event.actor.process.pid, event.actor.ids.uid});
  }
  void forked(const ProcessKey&, const ProcessKey&) override {}
  void exited(const ProcessKey&) override {}

  // Waits on the descriptor as capture does, for ten seconds at the most.
  bool wait(Source& source, const std::function<bool()>& done) {
    for (int i = 0; i < 1000; ++i) {
      if (done()) return true;
      pollfd one{.fd = source.descriptor(), .events = POLLIN, .revents = 0};
      if (::poll(&one, 1, 10) <= 0) continue;
      for (bool more = true; more;) {
        const auto got = source.next(*this, 1000);
        EXPECT_TRUE(got) << got.error().text();
        more = got.value_or(false);
      }
    }
    return done();
  }
  std::vector<std::string> messages() const {
    std::vector<std::string> all;
    for (const auto& one : heard) all.push_back(one.message);
    return all;
  }
  static std::string line(std::string_view message) {
    return "\"2026-11-23T01:02:03+00:00\",\"web\",\"6\",\"auth\",\"sshd[7]:\",\" " + std::string(message) + "\"\n";
  }
  void write_pipe(std::string_view bytes) {
    const UniqueFd pipe(::open(path("pipe").c_str(), O_WRONLY | O_NONBLOCK));
    ASSERT_TRUE(pipe);
    ASSERT_EQ(::write(pipe.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  std::string path(const char* name) const { return (top / name).string(); }

  static UniqueFd connect(const std::string& path) {
    UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) socket.reset();
    return socket;
  }
  static void send(const std::string& path, std::string_view text) {
    const auto socket = connect(path);
    ASSERT_TRUE(socket);
    ASSERT_EQ(::send(socket.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }

  std::vector<Heard> heard;
};

// EVT-09: compat 5.7.
TEST_F(SyslogSourceTest, LinesOfThePipeAreToldWhateverComesBetween) {
  SyslogSource source({.pipe = path("pipe")});
  ASSERT_TRUE(source.open({}));
  struct stat facts{};
  ASSERT_EQ(::stat(path("pipe").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777, 0460U);
  // More broken lines than osquery bears.
  std::string text = line("first");
  for (int i = 0; i < 20; ++i) text += "broken\n";
  write_pipe(text + line("second").substr(0, 20));
  EXPECT_TRUE(wait(source, [&] { return heard.size() == 1 && source.counts().dropped[0].count == 20; }));
  // The writer has gone; another goes on in the middle of the line.
  write_pipe(line("second").substr(20) + line("third"));
  EXPECT_TRUE(wait(source, [&] { return heard.size() == 3; }));
  EXPECT_THAT(messages(), ElementsAre("first", "second", "third"));
  EXPECT_EQ(heard[0].tag, "sshd[7]");
  EXPECT_EQ(heard[0].severity, 6);
  EXPECT_EQ(heard[0].source, "pipe");
  const auto counts = source.counts();
  EXPECT_EQ(counts.kept, 3U);
  EXPECT_EQ(*counts.seen, 23U);
}

TEST_F(SyslogSourceTest, TooLongALineCostsItself) {
  SyslogSource source({.pipe = path("pipe")});
  ASSERT_TRUE(source.open({}));
  std::thread writer([this] {
    const UniqueFd pipe(::open(path("pipe").c_str(), O_WRONLY));
    const std::string all = line(std::string(200'000, 'x')) + line("after");
    for (std::size_t done = 0; done < all.size();)
      done += static_cast<std::size_t>(std::max<ssize_t>(::write(pipe.get(), all.data() + done, all.size() - done), 0));
  });
  EXPECT_TRUE(wait(source, [&] { return !heard.empty(); }));
  writer.join();
  EXPECT_THAT(messages(), ElementsAre("after"));
  EXPECT_EQ(source.counts().dropped[1].count, 1U);
}

TEST_F(SyslogSourceTest, MoreThanTheLimitWaitsInThePipe) {
  SyslogSource source({.pipe = path("pipe"), .rate_limit = 5});
  ASSERT_TRUE(source.open({}));
  std::string all;
  for (int i = 0; i < 12; ++i) all += line(std::to_string(i));
  write_pipe(all);
  const auto got = source.next(*this, 1000);
  EXPECT_TRUE(got && !*got);
  EXPECT_EQ(heard.size(), 5U);
  // Nothing is ready before the window is over.
  pollfd one{.fd = source.descriptor(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&one, 1, 0), 0);
  EXPECT_TRUE(wait(source, [&] { return heard.size() == 12; }));
  EXPECT_EQ(source.counts().dropped[2].count, 0U);
}

TEST_F(SyslogSourceTest, APipeHasOneReader) {
  SyslogSource first({.pipe = path("pipe")});
  ASSERT_TRUE(first.open({}));
  SyslogSource second({.pipe = path("pipe")});
  const auto opened = second.open({});
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().text(), HasSubstr("is read by another program"));
  first.close();
  EXPECT_TRUE(second.open({}));
  write("file", "x");
  SyslogSource third({.pipe = path("file")});
  EXPECT_FALSE(third.open({}));
  EXPECT_FALSE(SyslogSource({}).open({}));
}

// SLG-02: a /dev/log of our own.
TEST_F(SyslogSourceTest, WhoLogsToOurSocketIsKnown) {
  {
    SyslogSource source({.socket = path("log")});
    ASSERT_TRUE(source.open({}));
    send(path("log"), "<86>Nov  3 01:02:03 sshd[77]: Accepted");
    send(path("log"), "<13>1 - - app - - - hello");
    EXPECT_TRUE(wait(source, [&] { return heard.size() == 2; }));
    EXPECT_THAT(messages(), ElementsAre("Accepted", "hello"));
    EXPECT_EQ(heard[0].pid, ::getpid());
    EXPECT_EQ(heard[0].uid, ::getuid());
    EXPECT_EQ(heard[0].source, "socket");
    // Nobody takes it from us, nor we from others.
    SyslogSource second({.socket = path("log")});
    const auto opened = second.open({});
    ASSERT_FALSE(opened);
    EXPECT_THAT(opened.error().text(), HasSubstr("belongs to another program"));
  }
  EXPECT_FALSE(std::filesystem::exists(path("log")));
  write("log", "a file");
  SyslogSource third({.socket = path("log")});
  EXPECT_FALSE(third.open({}));
  EXPECT_TRUE(std::filesystem::exists(path("log")));
}

TEST_F(SyslogSourceTest, WhatNobodyListensToIsReplacedAndWhatAnotherHasTakenIsGivenUp) {
  {
    const UniqueFd stale(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path("log").c_str(), sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(stale.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  SyslogSource source({.socket = path("log")});
  ASSERT_TRUE(source.open({}));
  std::filesystem::remove(path("log"));
  SyslogSource another({.socket = path("log")});
  ASSERT_TRUE(another.open({}));
  EXPECT_FALSE(source.next(*this, 10));
  source.close();
  EXPECT_TRUE(std::filesystem::exists(path("log")));
}

// Whoever logs must not wait for us.
TEST_F(SyslogSourceTest, MoreThanTheLimitToOurSocketIsDroppedAndCounted) {
  SyslogSource source({.socket = path("log"), .rate_limit = 5});
  ASSERT_TRUE(source.open({}));
  std::thread sender([this] {
    for (int i = 0; i < 300; ++i) send(path("log"), "<13>x: y");
  });
  EXPECT_TRUE(wait(source, [&] { return *source.counts().seen == 300; }));
  sender.join();
  EXPECT_GT(source.counts().dropped[2].count, 0U);
  EXPECT_EQ(source.counts().kept, heard.size());
}

// A journald of its own, in a mount namespace whose /run and /var/log/journal nobody else sees.
class WithJournald : public SyslogSourceTest {
 protected:
  void with_journald(const std::function<void()>& run) {
    std::thread([&] {
      ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
      ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
      ASSERT_EQ(::mount("none", "/run", "tmpfs", 0, nullptr), 0);
      std::filesystem::create_directories("/var/log/journal");
      ASSERT_EQ(::mount("none", "/var/log/journal", "tmpfs", 0, nullptr), 0);
      std::filesystem::create_directories("/run/systemd");
      const pid_t journald = ::fork();
      if (journald == 0) {
        ::close(2);
        ::execl("/lib/systemd/systemd-journald", "systemd-journald", "osprey", nullptr);
        ::_exit(127);
      }
      // It has begun when its folder is there.
      for (int i = 0; i < 500 && folder().empty(); ++i) ::usleep(10'000);
      EXPECT_FALSE(folder().empty()) << "systemd-journald does not start";
      if (!folder().empty()) run();
      ::kill(journald, SIGTERM);
      ::waitpid(journald, nullptr, 0);
    }).join();
  }
  static std::string folder() {
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator("/var/log/journal", none))
      if (std::filesystem::exists(entry.path() / "system.journal")) return entry.path();
    return {};
  }
  static void log(std::string_view text) { send("/run/systemd/journal.osprey/dev-log", text); }
  SyslogOptions options(const std::string& cursor = {}) const {
    return {.journal = true, .cursor = cursor, .journal_directory = folder()};
  }
};

// SLG-02: from where one left off, nothing twice and nothing missed.
TEST_F(WithJournald, TheJournalIsFollowedAndItsCursorGoesOn) {
  with_journald([&] {
    log("<13>early: before we came");
    ::usleep(200'000);
    SyslogSource source(options());
    const auto opened = source.open({});
    ASSERT_TRUE(opened) << opened.error().text();
    log("<86>sshd[77]: one");
    log("<11>app: two");
    ASSERT_TRUE(wait(source, [&] { return heard.size() >= 2; }));
    EXPECT_THAT(messages(), ElementsAre("one", "two"));
    EXPECT_EQ(heard[0].tag, "sshd[77]");
    EXPECT_EQ(heard[1].tag, "app[" + std::to_string(::getpid()) + "]");
    EXPECT_EQ(heard[1].severity, 3);
    EXPECT_EQ(heard[0].pid, ::getpid());
    EXPECT_EQ(heard[0].uid, ::getuid());
    EXPECT_EQ(heard[0].source, "journal");
    EXPECT_THAT(heard[0].path, HasSubstr("events_test"));
    source.close();
    log("<13>app: while we were away");
    ::usleep(200'000);
    heard.clear();
    SyslogSource later(options(source.cursor()));
    ASSERT_TRUE(later.open({}));
    log("<13>app: back");
    ASSERT_TRUE(wait(later, [&] { return heard.size() >= 2; }));
    EXPECT_THAT(messages(), ElementsAre("while we were away", "back"));
    // A cursor that is none: what comes from now on.
    heard.clear();
    SyslogSource lost(options("s=0;i=0"));
    ASSERT_TRUE(lost.open({}));
    log("<13>app: now");
    ASSERT_TRUE(wait(lost, [&] { return !heard.empty(); }));
    EXPECT_EQ(messages().back(), "now");
  });
}

}  // namespace
}  // namespace osprey::events
