#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

#include "agent/logging/sinks/sinks.h"
#include "base/unique_fd.h"
#include "protocol/status_line.h"
#include "store/memory_store.h"

namespace osprey::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Standard output is a pipe while a test runs.
class StdoutTest : public testing::Test {
 protected:
  StdoutTest() {
    quiet.set_levels({.to_stderr = false});
    ::fflush(stdout);
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    reader.reset(ends[0]);
    ::fcntl(reader.get(), F_SETFL, O_NONBLOCK);
    before.reset(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
    ::dup2(ends[1], STDOUT_FILENO);
    ::close(ends[1]);
    sink = stdout_sink({program, quiet, losses, [] { return std::string(); }});
  }
  ~StdoutTest() override { ::dup2(before.get(), STDOUT_FILENO); }

  std::string read() const {
    std::string all(1 << 20, '\0');
    std::size_t size = 0;
    for (ssize_t count = 0; (count = ::read(reader.get(), all.data() + size, all.size() - size)) > 0;)
      size += static_cast<std::size_t>(count);
    return all.substr(0, size);
  }
  static LogDelivery delivery(std::uint64_t position, std::string text, LineKind kind = LineKind::result) {
    return {{position}, {.kind = kind, .query = "q", .text = std::move(text), .lines = 1}};
  }
  std::size_t deliver(const std::vector<LogDelivery>& records) const {
    const Interrupt soon(Interrupt::Clock::now() + std::chrono::milliseconds(200));
    return sink->deliver(records, soon).records;
  }

  Program program;
  StatusLog quiet;
  std::unique_ptr<store::Store> store = store::memory_store();
  Losses losses{*store};
  UniqueFd reader;
  UniqueFd before;
  std::unique_ptr<Sink> sink;
};

TEST_F(StdoutTest, LinesAndStatusText) {
  const protocol::StatusLine status{protocol::Severity::warning, 1, 2, "a.cpp", 7, "text"};
  EXPECT_EQ(deliver({delivery(1, "one\n"), delivery(2, protocol::encode(status), LineKind::status)}), 2U);
  EXPECT_EQ(read(), "one\nseverity=1 location=a.cpp:7 message=text\n");
}

TEST_F(StdoutTest, AReaderThatIsSlowGetsTheRestLater) {
  const std::vector<LogDelivery> records{delivery(1, std::string(200'000, 'x') + "\n")};
  EXPECT_EQ(deliver(records), 0U);
  auto all = read();
  while (deliver(records) == 0) all += read();
  all += read();
  EXPECT_TRUE(all == records[0].record.text);
}

TEST_F(StdoutTest, WhatWasCutOffAndShedEndsItsLine) {
  EXPECT_EQ(deliver({delivery(1, std::string(200'000, 'x') + "\n")}), 0U);
  const auto half = read();
  EXPECT_EQ(deliver({delivery(2, "two\n")}), 1U);
  EXPECT_EQ(read(), "\ntwo\n");
}

TEST_F(StdoutTest, WithoutAReaderItStopsQuietly) {
  std::vector<std::string> told;
  quiet.set_receiver([&](const protocol::StatusLine& line) { told.push_back(line.message); });
  auto* const handler = ::signal(SIGPIPE, SIG_IGN);
  reader.reset();
  EXPECT_EQ(deliver({delivery(1, "one\n"), delivery(2, "two\n")}), 2U);
  EXPECT_EQ(deliver({delivery(3, "three\n")}), 1U);
  EXPECT_THAT(told, ElementsAre(HasSubstr("has stopped")));
  ::signal(SIGPIPE, handler);
  quiet.set_receiver(nullptr);
}

}  // namespace
}  // namespace osprey::agent
