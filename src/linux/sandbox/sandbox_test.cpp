#include "linux/sandbox/sandbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <thread>

#include "base/root.h"
#include "base/text.h"
#include "linux/procfs/process_stat.h"
#include "linux/sandbox/zygote.h"

namespace osprey::linux {
namespace {

using testing::HasSubstr;

// A helper with a few tricks, named by the request.
Result<void> serve(std::string_view request, std::vector<UniqueFd> descriptors, const Sandbox::Reply& reply) {
  if (request == "echo") {
    reply("echo");
  } else if (request == "read") {
    std::array<char, 64> buffer;
    for (auto& fd : descriptors) {
      const auto count = ::pread(fd.get(), buffer.data(), buffer.size(), 0);
      reply({buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0))});
    }
  } else if (request == "parts") {
    for (int i = 0; i < 100; ++i) reply(std::string(60'000, 'x'));
  } else if (request == "flood") {
    while (reply(std::string(60'000, 'x'))) {
    }
  } else if (request == "hang") {
    for (;;) ::poll(nullptr, 0, 1000);
  } else if (request == "crash") {
    *static_cast<volatile char*>(nullptr) = 1;
  } else if (request == "open") {
    reply(::open("/etc/hosts", O_RDONLY) < 0 ? std::strerror(errno) : "opened");
  } else if (request == "socket") {
    reply(::socket(AF_INET, SOCK_STREAM, 0) < 0 ? std::strerror(errno) : "made");
  } else if (request == "fork") {
    reply(::fork() < 0 ? std::strerror(errno) : "forked");
  } else if (request == "code") {
    void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    reply(::mprotect(page, 4096, PROT_READ | PROT_EXEC) != 0 ? std::strerror(errno) : "executable");
  } else {
    return failure({}, "no such trick");
  }
  return {};
}

class SandboxTest : public testing::Test {
 protected:
  Sandbox sandbox_{{.name = "test-helper", .serve = serve, .timeout = std::chrono::milliseconds(300)}};
};

TEST_F(SandboxTest, AnswersAndStays) {
  EXPECT_EQ(*sandbox_.ask("echo", {}), "echo");
  const auto first = sandbox_.helper();
  EXPECT_EQ(*sandbox_.ask("echo", {}), "echo");
  EXPECT_EQ(sandbox_.helper(), first);
}

TEST_F(SandboxTest, ReadsTheDescriptorsItIsGiven) {
  const UniqueFd hosts(::open("/etc/passwd", O_RDONLY | O_CLOEXEC));
  const std::array both{hosts.get(), hosts.get()};
  const auto text = sandbox_.ask("read", both);
  ASSERT_TRUE(text);
  EXPECT_EQ(text->size(), 128u);
  EXPECT_THAT(*text, HasSubstr("root:"));
}

TEST_F(SandboxTest, AnswersOfManyParts) {
  const auto text = sandbox_.ask("parts", {});
  ASSERT_TRUE(text) << text.error().text();
  EXPECT_EQ(text->size(), 6'000'000u);
}

TEST_F(SandboxTest, AnErrorIsNoDeath) {
  const auto answer = sandbox_.ask("juggle", {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().text(), "no such trick");
  const auto helper = sandbox_.helper();
  EXPECT_NE(helper, 0);
  EXPECT_TRUE(sandbox_.ask("echo", {}));
  EXPECT_EQ(sandbox_.helper(), helper);
}

TEST_F(SandboxTest, HasNoRights) {
  EXPECT_EQ(*sandbox_.ask("open", {}), "Operation not permitted");
  EXPECT_EQ(*sandbox_.ask("socket", {}), "Operation not permitted");
  EXPECT_EQ(*sandbox_.ask("fork", {}), "Operation not permitted");
  EXPECT_EQ(*sandbox_.ask("code", {}), "Operation not permitted");
}

TEST_F(SandboxTest, KeepsNoCapabilityAndNoDescriptor) {
  const UniqueFd secret(::open("/etc/passwd", O_RDONLY));
  ASSERT_TRUE(sandbox_.ask("echo", {}));
  const auto process = "/proc/" + std::to_string(sandbox_.helper());
  const auto status = Root::host().read(process + "/status");
  ASSERT_TRUE(status);
  for (const std::string set : {"CapInh", "CapPrm", "CapEff", "CapAmb"})
    EXPECT_THAT(status->bytes, HasSubstr(set + ":\t0000000000000000"));
  EXPECT_THAT(status->bytes, HasSubstr("NoNewPrivs:\t1"));
  EXPECT_THAT(status->bytes, HasSubstr("Seccomp:\t2"));
  EXPECT_THAT(status->bytes, HasSubstr("Name:\ttest-helper"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(process + "/fd"), {}), 4);
}

TEST_F(SandboxTest, OneThatHangsIsEndedAndReplaced) {
  const auto answer = sandbox_.ask("hang", {});
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().text(), HasSubstr("too long"));
  EXPECT_EQ(*sandbox_.ask("echo", {}), "echo");
}

TEST_F(SandboxTest, OneThatDiesIsReplaced) {
  const auto answer = sandbox_.ask("crash", {});
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().text(), HasSubstr("died"));
  EXPECT_EQ(*sandbox_.ask("echo", {}), "echo");
  ::kill(sandbox_.helper(), SIGKILL);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(*sandbox_.ask("echo", {}), "echo");
}

TEST_F(SandboxTest, OneThatFloodsIsEnded) {
  const auto answer = sandbox_.ask("flood", {});
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().text(), HasSubstr("more than it may"));
}

TEST_F(SandboxTest, AnInterruptEndsTheWait) {
  Interrupt interrupt;
  interrupt.request();
  const auto answer = sandbox_.ask("hang", {}, interrupt);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ECANCELED);
}

TEST(Sandbox, FailsToPrepare) {
  Sandbox sandbox({.name = "unready", .serve = serve, .prepare = [] { return failure("library", "is not here"); }});
  const auto answer = sandbox.ask("echo", {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().text(), "library: is not here");
  EXPECT_EQ(sandbox.helper(), 0);
}

TEST(Sandbox, EndsWhenIdleAndComesAgain) {
  Sandbox sandbox({.name = "idle", .serve = serve, .idle = std::chrono::seconds(1)});
  EXPECT_EQ(*sandbox.ask("echo", {}), "echo");
  const auto first = sandbox.helper();
  std::this_thread::sleep_for(std::chrono::milliseconds(1200));
  EXPECT_EQ(*sandbox.ask("echo", {}), "echo");
  EXPECT_NE(sandbox.helper(), first);
}

TEST(Zygote, ForksTheHelpersOfSandboxesThatItKnows) {
  Sandbox known({.name = "known", .serve = serve, .timeout = std::chrono::milliseconds(300)});
  ASSERT_TRUE(start_zygote());
  Sandbox later({.name = "later", .serve = serve});
  EXPECT_EQ(known.ask("echo", {}), "echo");
  EXPECT_EQ(later.ask("echo", {}), "echo");
  const auto parent_of = [](pid_t pid) {
    return parse_process_stat(Root::host().read(fmt::format("/proc/{}/stat", pid))->bytes)->parent;
  };
  EXPECT_EQ(parent_of(later.helper()), ::getpid());
  const auto zygote = parent_of(known.helper());
  EXPECT_NE(zygote, ::getpid());
  EXPECT_EQ(parent_of(static_cast<pid_t>(zygote)), ::getpid());

  const auto set_of = [](pid_t pid, std::string_view name) {
    const auto status = Root::host().read(fmt::format("/proc/{}/status", pid))->bytes;
    const auto at = status.find(name) + name.size() + 1;
    return parse<std::uint64_t>(std::string_view(status).substr(at, 16), 16).value();
  };
  constexpr std::uint64_t kOfZygote = 1U << CAP_DAC_READ_SEARCH | 1U << CAP_SETPCAP;
  for (const auto* name : {"CapPrm:", "CapEff:"}) {
    EXPECT_EQ(set_of(static_cast<pid_t>(zygote), name), set_of(::getpid(), name) & kOfZygote);
    EXPECT_EQ(set_of(known.helper(), name), 0U);
  }
  if (::geteuid() == 0) {
    EXPECT_EQ(set_of(known.helper(), "CapBnd:"), 0U);
  }

  const auto first = known.helper();
  EXPECT_FALSE(known.ask("hang", {}));
  EXPECT_EQ(known.ask("echo", {}), "echo");
  EXPECT_NE(known.helper(), first);
  EXPECT_EQ(parent_of(known.helper()), zygote);
}

}  // namespace
}  // namespace osprey::linux
