#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "agent/logging/sinks/sinks.h"
#include "store/memory_store.h"

namespace osprey::agent {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class Server final : public Remote {
 public:
  Result<RemoteReply> send(const RemoteRequest& request, const Interrupt&) override {
    asked.push_back(request);
    if (request.members.size() > most) return std::unexpected(Error{kBodyTooLarge, "https://fleet.test/log", "413"});
    const bool status = request.members.contains(R"("log_type":"status")");
    if (refuses == "all" || (refuses == "status" && status) || (refuses == "result" && !status))
      return failure("https://fleet.test/log", "down");
    return RemoteReply{};
  }
  // The bodies since the last call.
  std::vector<std::string> bodies() {
    std::vector<std::string> all;
    for (const auto& one : asked) all.push_back(one.members);
    asked.clear();
    return all;
  }
  std::vector<RemoteRequest> asked;
  std::string refuses;
  std::size_t most = SIZE_MAX;  // bytes of a body
};

class TlsSinkTest : public testing::Test {
 protected:
  TlsSinkTest() { restart(); }

  void restart(const std::string& mark = {}, bool osquery = false) {
    program.osquery_compatible = osquery;
    sink = tls_sink({.program = program,
                     .status = status,
                     .losses = losses,
                     .host_identifier = [] { return "host-1"; },
                     .decorations = [] { return protocol::Decorations{{"deco", "d1"}}; },
                     .remote = &server});
    if (!mark.empty()) sink->resume(mark);
    configure();
  }
  void configure() {
    flags.set("tls_hostname", "fleet.test");
    flags.set("logger_tls_endpoint", "/log");
    Configuration configuration;
    configuration.flags = flags;
    ASSERT_TRUE(sink->configure(configuration));
  }
  void set(const char* flag, std::string_view value) {
    flags.set(*find_flag(flag), value);
    configure();
  }

  void add(std::string text, LineKind kind = LineKind::result, bool continues = false, bool goes_on = false) {
    records.push_back({.next = {records.size() + 1},
                       .record = {.kind = kind,
                                  .query = "",
                                  .text = std::move(text),
                                  .lines = 1,
                                  .continues = continues,
                                  .goes_on = goes_on}});
  }
  void add_status(const std::string& message) {
    add(protocol::encode({.severity = protocol::Severity::warning,
                          .unix_time_us = 0,
                          .thread = 1,
                          .file = "a.cpp",
                          .line = 5,
                          .message = message}),
        LineKind::status);
  }
  static std::string status_line(const std::string& message) {
    return R"({"hostIdentifier":"host-1","calendarTime":"Thu Jan  1 00:00:00 1970 UTC","unixTime":0,"severity":1,)"
           R"("filename":"a.cpp","line":5,"message":")" +
           message + R"(","version":"0.1.0","decorations":{"deco":"d1"}})";
  }
  Sink::Taken deliver(std::size_t from = 0) {
    return sink->deliver(std::span(records).subspan(from), Interrupt::never());
  }
  auto wait() const { return sink->due() - Interrupt::Clock::now(); }

  Program program;
  StatusLog status;
  std::unique_ptr<store::Store> store = store::memory_store();
  Losses losses{*store};
  Server server;
  Flags flags{false};
  std::unique_ptr<Sink> sink;
  std::vector<LogDelivery> records;
};

TEST_F(TlsSinkTest, ResultsAndStatusLinesGoApartAndInOrder) {
  add("{\"a\":1}\n{\"a\":2}\n");
  add_status("one");
  add("{\"a\":3}\n", LineKind::snapshot);
  add_status("two");
  const auto taken = deliver();
  EXPECT_EQ(taken.records, 4u);
  EXPECT_FALSE(taken.error);
  EXPECT_THAT(server.bodies(),
              ElementsAre(R"("data":[{"a":1},{"a":2},{"a":3}],"log_type":"result")",
                          R"("data":[)" + status_line("one") + "," + status_line("two") + R"(],"log_type":"status")"));
  EXPECT_EQ(sink->target(), "https://fleet.test/log");
}

// Recorded: key order of a packed body, and of the node API's, is another.
TEST_F(TlsSinkTest, PackedBodiesBeginWithTheKey) {
  for (const auto* flag : {"logger_tls_compress", "tls_node_api"}) {
    set(flag, "true");
    add("{}\n");
    deliver();
    EXPECT_EQ(server.asked.back().members, R"("log_type":"result","data":[{}])");
    EXPECT_TRUE(server.asked.back().node_key_first);
    EXPECT_EQ(server.asked.back().compress, std::string_view(flag) == "logger_tls_compress");
    set(flag, "false");
    records.clear();
    restart();
  }
}

TEST_F(TlsSinkTest, NoMoreLinesThanArePermitted) {
  set("logger_tls_max_lines", "2");
  add("1\n2\n3\n");
  add("4\n5\n");
  EXPECT_EQ(deliver().records, 2u);
  EXPECT_THAT(server.bodies(), ElementsAre(R"("data":[1,2],"log_type":"result")", R"("data":[3,4],"log_type":"result")",
                                           R"("data":[5],"log_type":"result")"));
}

// osquery sends so many a period.
TEST_F(TlsSinkTest, UnderOsquerysNameOneRequestAPeriod) {
  restart({}, true);
  set("logger_tls_max_lines", "2");
  add("1\n2\n3\n");
  add("4\n5\n");
  EXPECT_EQ(deliver().records, 0u);
  EXPECT_GT(wait(), 2s);
  EXPECT_EQ(deliver().records, 1u);
  EXPECT_EQ(deliver(1).records, 1u);
  EXPECT_THAT(server.bodies(), ElementsAre(R"("data":[1,2],"log_type":"result")", R"("data":[3,4],"log_type":"result")",
                                           R"("data":[5],"log_type":"result")"));
}

TEST_F(TlsSinkTest, OneKindGoesOnWhileTheOtherIsRefused) {
  server.refuses = "status";
  add("1\n");
  add_status("one");
  add("2\n");
  const auto taken = deliver();
  EXPECT_EQ(taken.records, 1u) << "up to the status line";
  ASSERT_TRUE(taken.error);
  EXPECT_THAT(server.bodies(), ElementsAre(R"("data":[1,2],"log_type":"result")", HasSubstr("status")));

  add("3\n");
  EXPECT_EQ(deliver(1).records, 0u);
  EXPECT_THAT(server.bodies(), ElementsAre(R"("data":[3],"log_type":"result")")) << "what has gone does not go again";
}

TEST_F(TlsSinkTest, WhatTheServerHasTakenIsKnownAfterADeath) {
  server.refuses = "status";
  set("logger_tls_max_lines", "2");
  add_status("one");
  add("1\n2\n3\n");
  deliver();
  const auto mark = sink->mark();
  server.bodies();
  server.refuses = "";
  add("4\n");
  restart(mark);
  EXPECT_EQ(deliver().records, 3u);
  EXPECT_THAT(server.bodies(), ElementsAre(R"("data":[4],"log_type":"result")", HasSubstr("one")));
}

TEST_F(TlsSinkTest, APartOfARecordIsNotSentTwice) {
  set("logger_tls_max_lines", "2");
  add("1\n2\n3\n");
  struct OnceThenDown final : Remote {
    Result<RemoteReply> send(const RemoteRequest& request, const Interrupt&) override {
      bodies.push_back(request.members);
      if (bodies.size() == 2) return failure("fleet.test", "down");
      return RemoteReply{};
    }
    std::vector<std::string> bodies;
  } remote;
  sink = tls_sink({.program = program, .status = status, .losses = losses, .host_identifier = {}, .remote = &remote});
  set("logger_tls_period", "0");
  EXPECT_EQ(deliver().records, 0u);
  EXPECT_EQ(deliver().records, 1u);
  EXPECT_THAT(remote.bodies, ElementsAre(R"("data":[1,2],"log_type":"result")", R"("data":[3],"log_type":"result")",
                                         R"("data":[3],"log_type":"result")"));
}

TEST_F(TlsSinkTest, DelaysGrowUpToTheirBound) {
  server.refuses = "all";
  for (const bool osquery : {true, false}) {
    restart({}, osquery);
    add("1\n");
    add_status("one");
    set("logger_tls_period", "10");
    set("logger_tls_backoff_max", "50");
    deliver();
    const auto first = wait();
    EXPECT_GT(first, osquery ? 9s : 4s);
    EXPECT_LE(first, osquery ? 10s : 15s);
    EXPECT_THAT(server.bodies(), SizeIs(2));
    deliver();
    EXPECT_THAT(server.bodies(), IsEmpty()) << "before its delay has passed";
  }
}

TEST_F(TlsSinkTest, LinesGatherForAPeriod) {
  add("1\n");
  EXPECT_LE(wait(), 0s) << "the first need not wait";
  deliver();
  EXPECT_GT(wait(), 3s);
  EXPECT_LE(wait(), 4s);
  set("logger_tls_period", "0");
  deliver(1);
  EXPECT_LE(wait(), 0s);
}

TEST_F(TlsSinkTest, LinesThatAreTooLongAreCounted) {
  set("logger_tls_max_linesize", "10");
  add("1\n" + std::string(11, 'x') + "\n2\n");
  add(std::string(20, 'y') + "\n");
  EXPECT_EQ(deliver().records, 2u);
  EXPECT_THAT(server.bodies(), ElementsAre(R"("data":[1,2],"log_type":"result")"));
  ASSERT_THAT(losses.list(), SizeIs(1));
  EXPECT_EQ(losses.list()[0].lost, 2u);
  EXPECT_EQ(losses.list()[0].source, "tls");
}

// 413: neither lost nor repeated for ever.
TEST_F(TlsSinkTest, ABatchTooLargeForTheServerGoesInSmallerOnes) {
  for (const bool osquery : {false, true}) {
    records.clear();
    restart({}, osquery);
    set("logger_tls_period", "0");
    server.most = 120;
    std::string lines;
    for (int i = 0; i < 16; ++i) lines += "\"" + std::to_string(i) + std::string(20, 'x') + "\"\n";
    add(lines);
    std::vector<std::string> taken;
    for (int rounds = 0; rounds < 20 && deliver().records == 0; ++rounds) continue;
    for (const auto& body : server.bodies())
      if (body.size() <= server.most) taken.push_back(body);
    std::string all;
    for (const auto& body : taken) all += body;
    for (int i = 0; i < 16; ++i) EXPECT_TRUE(all.contains("\"" + std::to_string(i) + "x")) << i;
    EXPECT_THAT(losses.list(), IsEmpty());
    // The size is known now.
    add("1\n");
    EXPECT_EQ(deliver(1).records, 1u);
    EXPECT_THAT(server.bodies(), SizeIs(1));
    server.most = SIZE_MAX;
  }
}

TEST_F(TlsSinkTest, ALineTooLargeForTheServerIsPassedOverAndCounted) {
  server.most = 200;
  add("1\n" + std::string(300, 'x') + "\n2\n");
  EXPECT_EQ(deliver().records, 1u);
  const auto bodies = server.bodies();
  EXPECT_THAT(bodies, testing::Contains(HasSubstr("[1]")));
  EXPECT_THAT(bodies, testing::Contains(HasSubstr("[2]")));
  ASSERT_THAT(losses.list(), SizeIs(1));
  EXPECT_EQ(losses.list()[0].lost, 1u);
  EXPECT_EQ(losses.list()[0].reason, "too long");
}

TEST_F(TlsSinkTest, ALongLineIsPutTogether) {
  add("\"a", LineKind::result, false, true);
  add("b", LineKind::result, true, true);
  add("c\"\n", LineKind::result, true, false);
  EXPECT_EQ(deliver().records, 3u);
  EXPECT_THAT(server.bodies(), ElementsAre(R"("data":["abc"],"log_type":"result")"));
}

TEST_F(TlsSinkTest, StatusLinesOnlyWhereWanted) {
  EXPECT_TRUE(sink->wants_status());
  set("tls_disable_status_log", "true");
  EXPECT_FALSE(sink->wants_status());
}

TEST_F(TlsSinkTest, WhatWasInterruptedIsNoFailure) {
  server.refuses = "all";
  add("1\n");
  Interrupt stop;
  stop.request();
  const auto taken = sink->deliver(records, stop);
  EXPECT_EQ(taken.records, 0u);
  EXPECT_FALSE(taken.error);
}

TEST_F(TlsSinkTest, ABrokenMarkIsNone) {
  restart("x -1 99999999999999999999999 1");
  add("1\n");
  EXPECT_EQ(deliver().records, 1u);
}

}  // namespace
}  // namespace osprey::agent
