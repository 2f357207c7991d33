// LOG-01: syslog's local socket, with one of the test's own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "agent/logging/sinks/sinks.h"
#include "base/temporary_tree.h"
#include "base/unique_fd.h"
#include "protocol/status_line.h"
#include "store/memory_store.h"

namespace osprey::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;

class SyslogTest : public TemporaryTree {
 protected:
  SyslogTest() {
    quiet.set_levels({.to_stderr = false});
    program.name = "osqueryd";
    daemon = listen(SOCK_DGRAM);
    sink = local_syslog_sink({program, quiet, losses, [] { return std::string(); }}, top / "log");
    EXPECT_TRUE(sink->configure(configuration));
  }

  UniqueFd listen(int type) {
    std::filesystem::remove(top / "log");
    ::sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    std::strcpy(address.sun_path, (top / "log").c_str());
    UniqueFd socket(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const ::sockaddr*>(&address), sizeof address), 0);
    if (type == SOCK_STREAM) EXPECT_EQ(::listen(socket.get(), 1), 0);
    return socket;
  }
  static std::string receive(const UniqueFd& socket) {
    ::pollfd in{.fd = socket.get(), .events = POLLIN, .revents = 0};
    if (::poll(&in, 1, 10'000) != 1) return "nothing came";
    std::string bytes(1 << 20, '\0');
    const auto count = ::recv(socket.get(), bytes.data(), bytes.size(), 0);
    return bytes.substr(0, static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  }
  Sink::Taken deliver(const std::string& text, LineKind kind = LineKind::result) {
    ++position;
    const std::vector<LogDelivery> records{{{position},
                                            {.kind = kind,
                                             .query = "q",
                                             .text = text,
                                             .lines = static_cast<std::uint32_t>(std::ranges::count(text, '\n'))}}};
    return sink->deliver(records, Interrupt::never());
  }

  Program program;
  StatusLog quiet;
  std::unique_ptr<store::Store> store = store::memory_store();
  Losses losses{*store};
  Configuration configuration;
  UniqueFd daemon;
  std::unique_ptr<Sink> sink;
  std::uint64_t position = 0;
};

TEST_F(SyslogTest, ResultsAreInformationalEachLineAMessage) {
  EXPECT_EQ(deliver("{\"a\":1}\n{\"a\":2}\n").records, 1U);
  const auto pid = std::to_string(::getpid());
  // local3 (19) and 6.
  EXPECT_THAT(receive(daemon),
              MatchesRegex("<158>[A-Z][a-z]{2} [ 0-9][0-9] ..:..:.. osqueryd\\[" + pid + "\\]: \\{\"a\":1\\}"));
  EXPECT_THAT(receive(daemon), HasSubstr("]: {\"a\":2}"));
}

TEST_F(SyslogTest, StatusLinesHaveOsquerysLevelsAndText) {
  using protocol::Severity;
  for (const auto& [severity, priority] : {std::pair{Severity::info, "<157>"},
                                           {Severity::warning, "<156>"},
                                           {Severity::error, "<155>"},
                                           {Severity::fatal, "<154>"}}) {
    EXPECT_EQ(
        deliver(protocol::encode({severity, 1'772'719'445'000'000, 1, "a.cpp", 7, "text"}), LineKind::status).records,
        1U);
    const auto message = receive(daemon);
    EXPECT_THAT(message, testing::StartsWith(priority));
    EXPECT_THAT(message, testing::EndsWith("location=a.cpp:7 message=text"));
  }
}

TEST_F(SyslogTest, FacilityAndCookie) {
  configuration.flags.set("logger_syslog_facility", "1");
  configuration.flags.set("logger_syslog_prepend_cee", "true");
  ASSERT_TRUE(sink->configure(configuration));
  deliver("{}\n");
  const auto message = receive(daemon);
  EXPECT_THAT(message, testing::StartsWith("<14>"));
  EXPECT_THAT(message, testing::EndsWith("]: @cee:{}"));
  configuration.flags.set("logger_syslog_facility", "24");  // out of range: 19
  ASSERT_TRUE(sink->configure(configuration));
  deliver("{}\n");
  EXPECT_THAT(receive(daemon), testing::StartsWith("<158>"));
}

TEST_F(SyslogTest, ADaemonThatIsGoneIsAnErrorAndOneThatIsBackIsFound) {
  deliver("1\n");
  daemon.reset();
  std::filesystem::remove(top / "log");
  const auto taken = deliver("2\n");
  EXPECT_EQ(taken.records, 0U);
  EXPECT_TRUE(taken.error);
  daemon = listen(SOCK_DGRAM);
  EXPECT_EQ(deliver("3\n").records, 1U);
  EXPECT_THAT(receive(daemon), testing::EndsWith(": 3"));
  // Started anew between two lines: found at once.
  daemon = listen(SOCK_DGRAM);
  EXPECT_EQ(deliver("4\n").records, 1U);
  EXPECT_THAT(receive(daemon), testing::EndsWith(": 4"));
}

TEST_F(SyslogTest, AStreamTakesMessagesEndedByNul) {
  daemon = listen(SOCK_STREAM);
  EXPECT_EQ(deliver("1\n2\n").records, 1U);
  const UniqueFd peer(::accept(daemon.get(), nullptr, nullptr));
  const auto bytes = receive(peer);
  EXPECT_EQ(std::ranges::count(bytes, '\0'), 2);
  EXPECT_THAT(bytes, HasSubstr(std::string("]: 1\0<158>", 10)));
}

TEST_F(SyslogTest, ALineTooLongForTheSocketIsCountedAndTheRestGoesOn) {
  std::vector<std::string> told;
  quiet.set_receiver([&](const protocol::StatusLine& line) { told.push_back(line.message); });
  EXPECT_EQ(deliver(std::string(300'000, 'x') + "\nshort\n").records, 1U);
  EXPECT_THAT(receive(daemon), testing::EndsWith(": short"));
  ASSERT_EQ(losses.list().size(), 1U);
  EXPECT_EQ(losses.list()[0].lost, 1U);
  EXPECT_EQ(losses.list()[0].source, "syslog");
  EXPECT_EQ(told.size(), 1U);
  quiet.set_receiver(nullptr);
}

TEST_F(SyslogTest, AReaderThatIsSlowHoldsUpAndLosesNothing) {
  // More than a socket holds (net.unix.max_dgram_qlen), nobody reading: stopped, then gone on with.
  std::string text;
  for (int i = 0; i < 2000; ++i) text += std::to_string(i) + '\n';
  ++position;
  const std::vector<LogDelivery> records{
      {{position}, {.kind = LineKind::result, .query = "q", .text = text, .lines = 2000}}};
  const Interrupt soon(Interrupt::Clock::now() + std::chrono::milliseconds(100));
  EXPECT_EQ(sink->deliver(records, soon).records, 0U);
  int next = 0;
  for (std::size_t taken = 0; taken == 0;) {
    const Interrupt again(Interrupt::Clock::now() + std::chrono::milliseconds(50));
    ::pollfd in{.fd = daemon.get(), .events = POLLIN, .revents = 0};
    while (::poll(&in, 1, 0) == 1) EXPECT_THAT(receive(daemon), testing::EndsWith(": " + std::to_string(next++)));
    taken = sink->deliver(records, again).records;
  }
  while (next < 2000) ASSERT_THAT(receive(daemon), testing::EndsWith(": " + std::to_string(next++)));
}

}  // namespace
}  // namespace osprey::agent
