#include "agent/config/tls_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <deque>

namespace osprey::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Server final : public Remote {
 public:
  Result<RemoteReply> send(const RemoteRequest& request, const Interrupt&) override {
    asked.push_back(request);
    if (replies.empty()) return failure("https://fleet.test/config", "down");
    RemoteReply reply{.body = {}, .text = replies.front()};
    replies.pop_front();
    if (const auto parsed = reply.text.empty() ? boost::json::value() : boost::json::parse(reply.text);
        parsed.is_object())
      reply.body = parsed.get_object();
    return reply;
  }
  std::vector<RemoteRequest> asked;
  std::deque<std::string> replies;
};

struct Source {
  explicit Source(bool osquery, bool node_api = false)
      : plugin({.remote = server,
                .stop = Interrupt::never(),
                .endpoint = "/config",
                .attempts = 3,
                .osquery_compatible = osquery,
                .node_api = node_api}) {}

  std::string fetch(std::string reply) {
    server.replies.push_back(std::move(reply));
    const auto sources = plugin.fetch();
    if (!sources) return "error: " + sources.error().text();
    return sources->size() == 1 ? sources->at("tls_plugin").value() : "several";
  }

  Server server;
  TlsConfig plugin;
};

constexpr auto kConfig = R"({"schedule": {}, "a": 1.50})";

TEST(TlsConfig, TheTextIsTakenAsItCame) {
  for (const bool osquery : {false, true}) {
    Source source(osquery);
    EXPECT_EQ(source.fetch(kConfig), kConfig);
    EXPECT_EQ(source.server.asked[0].endpoint, "/config");
    EXPECT_TRUE(source.server.asked[0].fetches);
    EXPECT_EQ(source.server.asked[0].members, osquery ? "" : R"("etag":"")");
  }
}

// The agent starts with what it has rather than wait; osquery waits.
TEST(TlsConfig, TheFirstFetchIsOneTry) {
  Source ours(false);
  ours.fetch(kConfig);
  ours.fetch(kConfig);
  EXPECT_EQ(ours.server.asked[0].attempts, 1u);
  EXPECT_EQ(ours.server.asked[1].attempts, 3u);
  Source osquerys(true);
  osquerys.fetch(kConfig);
  EXPECT_EQ(osquerys.server.asked[0].attempts, 3u);
}

TEST(TlsConfig, AnUnchangedConfigurationIsTheLastOne) {
  Source source(false);
  const auto* first = R"({"schedule":{},"etag":"v\"1"})";
  EXPECT_EQ(source.fetch(first), first);
  EXPECT_EQ(source.fetch(R"({"etag":"ok"})"), first);
  EXPECT_EQ(source.fetch(R"({"etag":"ok"})"), first);
  EXPECT_EQ(source.server.asked[1].members, R"("etag":"v\"1")");
  EXPECT_EQ(source.fetch(R"({"etag":"v2"})"), R"({"etag":"v2"})");
  source.fetch(kConfig);
  EXPECT_EQ(source.server.asked[4].members, R"("etag":"v2")");
}

TEST(TlsConfig, NothingIsUnchangedThatWasNeverGiven) {
  Source source(false);
  EXPECT_THAT(source.fetch(R"({"etag":"ok"})"), HasSubstr("error: /config: "));
  EXPECT_EQ(source.fetch(kConfig), kConfig);
  EXPECT_THAT(source.fetch(R"({"etag":"ok"})"), HasSubstr("error: "));
  EXPECT_EQ(source.server.asked[1].members, R"("etag":"")");
}

TEST(TlsConfig, AnEtagOfAnotherShapeIsNone) {
  Source source(false);
  for (const auto* reply : {R"({"etag":5})", R"({"etag":null})", R"({"etag":["ok"]})", R"({"etag":""})"})
    EXPECT_EQ(source.fetch(reply), reply);
  EXPECT_EQ(source.server.asked.back().members, R"("etag":"")");
}

TEST(TlsConfig, AnEmptyBodyIsNoConfigurationButToOsquery) {
  EXPECT_THAT(Source(false).fetch(""), HasSubstr("error: "));
  EXPECT_EQ(Source(true).fetch(""), "{}");
  EXPECT_EQ(Source(true).fetch("[]"), "[]") << "what reads it refuses it";
}

TEST(TlsConfig, TheNodeApiMayWrapIt) {
  EXPECT_EQ(Source(true, true).fetch(R"({"config":{"schedule":{}}})"), R"({"schedule":{}})");
  EXPECT_EQ(Source(true, true).fetch(R"({"schedule":{}})"), R"({"schedule":{}})");
  EXPECT_EQ(Source(true, false).fetch(R"({"config":{}})"), R"({"config":{}})");
}

TEST(TlsConfig, PacksInFilesAreNotTheServers) {
  Source source(false);
  EXPECT_FALSE(source.plugin.pack_files().read("/etc/osquery/pack.conf"));
  EXPECT_TRUE(source.plugin.pack_files().match("/etc/*").empty());
}

TEST(TlsConfig, WhatFails) {
  Source source(false);
  EXPECT_EQ(source.plugin.fetch().error().text(), "https://fleet.test/config: down");
}

}  // namespace
}  // namespace osprey::agent
