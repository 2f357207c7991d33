#include "agent/remote/tls_remote.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/remote/testing_test.h"
#include "net/gzip_testing.h"

namespace osprey::agent {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::Ge;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Le;
using testing::Not;
using testing::SizeIs;

const Interrupt& kNever = Interrupt::never();

RemoteRequest request(std::string endpoint, std::string members = {}) {
  RemoteRequest made;
  made.endpoint = std::move(endpoint);
  made.members = std::move(members);
  return made;
}

TEST(TlsRemote, EnrolsBeforeTheFirstRequest) {
  FakeWorld world(false);
  TlsRemote remote(world.parts());
  ASSERT_TRUE(remote.send(request("/config"), kNever));
  ASSERT_TRUE(remote.send(request("/config", R"("a":1)"), kNever));
  EXPECT_THAT(world.server.targets(), ElementsAre("/enroll", "/config", "/config"));
  EXPECT_EQ(world.server.asked[0].body, R"({"enroll_secret":"","host_identifier":"host-1","platform_type":"9",)"
                                        R"("host_details":{"os_version":{"name":"Debian"}}})");
  EXPECT_EQ(world.server.asked[0].header("Authorization"), "");
  EXPECT_EQ(world.server.asked[1].body, R"({"node_key":"key-1"})");
  EXPECT_EQ(world.server.asked[2].body, R"({"a":1,"node_key":"key-1"})");
  EXPECT_EQ(world.server.asked[2].header("Authorization"), "NodeKey key-1");
  EXPECT_EQ(world.stored_key(), "key-1");
  EXPECT_THAT(world.infos, ElementsAre("enrolled with https://fleet.test as host-1"));
}

TEST(TlsRemote, HeadersStandInOsquerysOrder) {
  FakeWorld world(true);
  TlsRemote remote(world.parts());
  auto log = request("/log");
  log.compress = true;
  ASSERT_TRUE(remote.send(log, kNever));
  std::vector<std::string> names;
  for (const auto& [name, value] : world.server.asked[1].request.headers) names.push_back(name + "=" + value);
  EXPECT_THAT(names, ElementsAre("Content-Type=application/json", "Accept=application/json",
                                 "User-Agent=osquery/5.23.0-38-ga5b14f63d", "Authorization=NodeKey key-1",
                                 "Content-Encoding=gzip"));
}

TEST(TlsRemote, TheKeyOfAnEarlierRunIsTaken) {
  FakeWorld world(false);
  ASSERT_TRUE(TlsRemote(world.parts()).send(request("/config"), kNever));
  ASSERT_TRUE(TlsRemote(world.parts()).send(request("/config"), kNever));
  EXPECT_THAT(world.server.targets(), ElementsAre("/enroll", "/config", "/config"));
  world.flags.set("enroll_always", "true");
  ASSERT_TRUE(TlsRemote(world.parts()).send(request("/config"), kNever));
  EXPECT_THAT(world.server.targets(), ElementsAre("/enroll", "/config", "/config", "/enroll", "/config"));
  EXPECT_EQ(world.stored_key(), "key-2");
}

TEST(TlsRemote, WithoutEnrolmentTheKeyIsEmpty) {
  FakeWorld world(true);
  world.flags.set("disable_enrollment", "true");
  ASSERT_TRUE(TlsRemote(world.parts()).send(request("/config"), kNever));
  EXPECT_THAT(world.server.targets(), ElementsAre("/config"));
  EXPECT_EQ(world.server.asked[0].body, R"({"node_key":""})");
  EXPECT_EQ(world.server.asked[0].header("Authorization"), "");
}

TEST(TlsRemote, AnInvalidKeyIsReplacedAtTheNextTry) {
  FakeWorld world(true);
  TlsRemote remote(world.parts());
  ASSERT_TRUE(remote.send(request("/config"), kNever));
  world.server.script(FakeServer::reply(R"({"node_invalid":true})"));
  auto config = request("/config");
  config.attempts = 3;
  ASSERT_TRUE(remote.send(config, kNever));
  EXPECT_THAT(world.server.targets(), ElementsAre("/enroll", "/config", "/config", "/enroll", "/config"));
  EXPECT_EQ(world.server.asked.back().body, R"({"node_key":"key-2"})");
  EXPECT_THAT(world.pauses, ElementsAre(1000ms));
  EXPECT_EQ(world.stored_key(), "key-2");
}

TEST(TlsRemote, AnInvalidKeyIsKeptWhereAsked) {
  FakeWorld world(true);
  world.flags.set("disable_reenrollment", "true");
  TlsRemote remote(world.parts());
  world.server.script(FakeServer::reply(R"({"node_key":"k1"})"));
  world.server.script(FakeServer::reply(R"({"node_invalid":true})"));
  EXPECT_FALSE(remote.send(request("/config"), kNever));
  EXPECT_TRUE(remote.send(request("/config"), kNever));
  EXPECT_THAT(world.server.targets(), ElementsAre("/enroll", "/config", "/config"));
  EXPECT_EQ(world.stored_key(), "k1");
}

TEST(TlsRemote, AServerThatKnowsNoKeyMakesNoLoop) {
  for (const bool osquery : {false, true}) {
    FakeWorld world(osquery);
    TlsRemote remote(world.parts());
    int enrolments = 0;
    for (const auto begin = world.time; world.time < begin + 3h; world.time += 1s) {
      world.server.scripted.clear();
      world.server.script([&](const Asked& asked) {
        if (asked.request.target != "/enroll") return FakeServer::reply(R"({"node_invalid":true})");
        ++enrolments;
        world.server.script(FakeServer::reply(R"({"node_invalid":true})"));
        return FakeServer::reply(R"({"node_key":"k"})");
      });
      EXPECT_FALSE(remote.send(request("/config"), kNever));
    }
    EXPECT_LT(enrolments, 50) << "in three hours";
    EXPECT_GT(enrolments, 15);
  }
}

TEST(TlsRemote, UnderOurNameFailedEnrolmentsMakeNobodyWait) {
  FakeWorld world(false);
  TlsRemote remote(world.parts());
  int tries = 0;
  for (int i = 0; i < 100; ++i) {
    world.server.scripted.clear();
    world.server.script([&](const Asked&) {
      ++tries;
      return FakeServer::unreachable();
    });
    const auto sent = remote.send(request("/log"), kNever);
    ASSERT_FALSE(sent);
    EXPECT_THAT(sent.error().text(), HasSubstr("Connection refused"));
    world.time += 1s;
  }
  EXPECT_THAT(world.pauses, IsEmpty());
  EXPECT_LT(tries, 12);
  EXPECT_GT(tries, 4);
  EXPECT_THAT(world.warnings, ElementsAre(AllOf(HasSubstr("cannot enrol"), HasSubstr("https://fleet.test/enroll"),
                                                HasSubstr("Connection refused"))))
      << "told once";
  world.server.scripted.clear();
  world.time += 1h;
  EXPECT_TRUE(remote.send(request("/log"), kNever));
  EXPECT_THAT(world.infos, ElementsAre(HasSubstr("after")));
}

// The delays of a recorded run (enroll_errors): 1, 4, 9, 16, 25, 36 s.
TEST(TlsRemote, UnderOsquerysNameEnrolmentIsTriedAgainAndAgain) {
  FakeWorld world(true);
  world.flags.set("tls_enroll_max_attempts", "7");
  TlsRemote remote(world.parts());
  for (int i = 0; i < 7; ++i) world.server.script(FakeServer::reply("{}"));
  EXPECT_FALSE(remote.send(request("/config"), kNever));
  EXPECT_THAT(world.pauses, ElementsAre(1s, 4s, 9s, 16s, 25s, 36s));
  EXPECT_THAT(world.warnings, SizeIs(6));
  EXPECT_EQ(world.warnings[0],
            "Failed enrollment request to https://fleet.test/enroll (No node key returned from TLS enroll plugin) "
            "retrying...");

  world.pauses.clear();
  world.flags.set("tls_enroll_max_interval", "5");
  for (int i = 0; i < 4; ++i) world.server.script(FakeServer::unreachable());
  EXPECT_TRUE(remote.send(request("/config"), kNever));
  EXPECT_THAT(world.pauses, ElementsAre(1s, 4s, 5s, 5s));
  EXPECT_THAT(world.warnings.back(), HasSubstr("(Request error: Connection refused)"));
}

TEST(TlsRemote, TriesAreSquaresApartAndJitteredUnderOurName) {
  for (const bool osquery : {false, true}) {
    FakeWorld world(osquery);
    TlsRemote remote(world.parts());
    ASSERT_TRUE(remote.enrol(kNever));
    auto config = request("/config");
    config.attempts = 4;
    for (int i = 0; i < 4; ++i) world.server.script(FakeServer::reply(R"({"error":"down"})"));
    EXPECT_FALSE(remote.send(config, kNever));
    if (osquery)
      EXPECT_THAT(world.pauses, ElementsAre(1s, 4s, 9s));
    else
      EXPECT_THAT(world.pauses,
                  ElementsAre(AllOf(Ge(500ms), Le(1500ms)), AllOf(Ge(2s), Le(6s)), AllOf(Ge(4500ms), Le(13500ms))));
  }
}

TEST(TlsRemote, AStopEndsTheTries) {
  FakeWorld world(true);
  TlsRemote remote(world.parts());
  ASSERT_TRUE(remote.enrol(kNever));
  Interrupt stop;
  world.server.script([&](const Asked&) {
    stop.request();
    return FakeServer::unreachable();
  });
  auto config = request("/config");
  config.attempts = 100;
  EXPECT_FALSE(remote.send(config, stop));
  EXPECT_THAT(world.pauses, IsEmpty());
}

TEST(TlsRemote, HeldReadsHaveAConnectionOfTheirOwn) {
  FakeWorld world(false);
  TlsRemote remote(world.parts());
  auto read = request("/read");
  world.server.script(FakeServer::reply(R"({"node_key":"k"})"));
  world.server.script(FakeServer::reply("{}", 200, {{"osprey-held-read", "30"}}));
  const auto offered = remote.send(read, kNever);
  ASSERT_TRUE(offered);
  EXPECT_EQ(offered->offered_hold, 30s);
  EXPECT_EQ(world.server.asked.back().header("Osprey-Held-Read"), "");
  read.hold = 30s;
  for (const auto* offer : {"", "x", "-5", "0", "99999999999999999999"}) {
    world.server.script(FakeServer::reply("{}", 200, {{"osprey-held-read", offer}}));
    const auto held = remote.send(read, kNever);
    ASSERT_TRUE(held);
    EXPECT_EQ(held->offered_hold, 0s);
  }
  world.server.script(FakeServer::reply("{}", 200, {{"osprey-held-read", "86400"}}));
  EXPECT_EQ(remote.send(read, kNever)->offered_hold, 600s);
  EXPECT_TRUE(remote.send(request("/log"), kNever));
  EXPECT_THAT(world.server.opened, SizeIs(2));
  EXPECT_EQ(world.server.asked[2].header("Osprey-Held-Read"), "30");
  EXPECT_EQ(world.server.asked[2].request.timeout, 46s);
  EXPECT_EQ(world.server.asked[2].client, 2u);
  EXPECT_EQ(world.server.asked.back().client, 1u);
  EXPECT_EQ(world.server.asked.back().request.timeout, 16s);
}

TEST(TlsRemote, BodiesArePackedWhereAsked) {
  FakeWorld world(false);
  TlsRemote remote(world.parts());
  auto log = request("/log", R"("log_type":"result","data":[{}])");
  log.compress = log.node_key_first = true;
  ASSERT_TRUE(remote.send(log, kNever));
  EXPECT_EQ(net::unzipped(world.server.asked.back().body, 1 << 16),
            R"({"node_key":"key-1","log_type":"result","data":[{}]})");
}

// As recorded (node_api): the key before the path and after it, unescaped, in no body but the logger's.
TEST(TlsRemote, TheNodeApi) {
  FakeWorld world(true);
  world.flags.set("tls_node_api", "true");
  TlsRemote remote(world.parts());
  auto config = request("/config");
  config.fetches = true;
  ASSERT_TRUE(remote.send(config, kNever));
  ASSERT_TRUE(remote.send(request("/dread"), kNever));
  auto log = request("/log", R"("log_type":"status","data":[])");
  log.node_key_first = true;
  ASSERT_TRUE(remote.send(log, kNever));
  EXPECT_THAT(world.server.targets(), ElementsAre("/enroll", "/key-1/config&node_key=key-1",
                                                  "/key-1/dread&node_key=key-1", "/key-1/log&node_key=key-1"));
  EXPECT_EQ(world.server.asked[1].request.method, "GET");
  EXPECT_EQ(world.server.asked[1].body, "");
  EXPECT_EQ(world.server.asked[2].body, "{}");
  EXPECT_EQ(world.server.asked[3].body, R"({"node_key":"key-1","log_type":"status","data":[]})");
}

TEST(TlsRemote, NoKeyBreaksOutOfItsRequest) {
  FakeWorld world(false);
  world.flags.set("tls_node_api", "true");
  TlsRemote remote(world.parts());
  world.server.script(FakeServer::reply(R"({"node_key":"a b#c\u00e9"})"));
  ASSERT_TRUE(remote.send(request("dread"), kNever));
  EXPECT_EQ(world.server.targets().back(), "/a%20b%23c%C3%A9/dread&node_key=a%20b%23c%C3%A9");
}

class TlsRemoteSecrets : public testing::Test {
 protected:
  TlsRemoteSecrets() {
    ::setenv("REMOTE_TEST_SECRET", "open \"sesame\"", 1);
    world.flags.set("enroll_secret_env", "REMOTE_TEST_SECRET");
  }
  FakeWorld world{true};
};

TEST_F(TlsRemoteSecrets, TheSecretGoesIntoEveryTargetWhereAsked) {
  world.flags.set("tls_secret_always", "true");
  world.flags.set("tls_enroll_override", "other_name");
  TlsRemote remote(world.parts());
  ASSERT_TRUE(remote.send(request("/config"), kNever));
  EXPECT_THAT(world.server.targets(),
              ElementsAre("/enroll?other_name=open%20\"sesame\"", "/config?other_name=open%20\"sesame\""));
  EXPECT_THAT(world.server.asked[0].body, testing::StartsWith(R"({"other_name":"open \"sesame\"","host_identifier")"));
}

TEST_F(TlsRemoteSecrets, AreNotInMessages) {
  world.program.osquery_compatible = false;
  TlsRemote remote(world.parts());
  world.server.script(FakeServer::reply(R"({"error":"open \"sesame\" is not the secret"})"));
  auto sent = remote.send(request("/config"), kNever);
  ASSERT_FALSE(sent);
  EXPECT_THAT(sent.error().text(), AllOf(HasSubstr("(not shown) is not the secret"), HasSubstr("REMOTE_TEST_SECRET")));
  world.time += 1h;
  world.server.script(FakeServer::reply(R"({"node_key":"very-secret-key"})"));
  world.server.script(FakeServer::reply("very-secret-key and open \\\"sesame\\\", in no JSON", 500));
  sent = remote.send(request("/config"), kNever);
  ASSERT_FALSE(sent);
  EXPECT_THAT(sent.error().text(),
              AllOf(HasSubstr("HTTP status 500"), Not(HasSubstr("very-secret")), Not(HasSubstr("sesame"))));
  EXPECT_THAT(world.warnings, Each(Not(HasSubstr("sesame"))));
}

TEST_F(TlsRemoteSecrets, AreNotInDumps) {
  world.flags.set("tls_dump", "true");
  world.flags.set("verbose", "true");
  TlsRemote remote(world.parts());
  testing::internal::CaptureStderr();
  ASSERT_TRUE(remote.send(request("/config"), kNever));
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "POST https://fleet.test/enroll\n"
            "{\"enroll_secret\":\"(not shown)\",\"host_identifier\":\"host-1\",\"platform_type\":\"9\","
            "\"host_details\":{\"os_version\":{\"name\":\"Debian\"}}}\n(not shown)\n"
            "POST https://fleet.test/config\n{\"node_key\":\"(not shown)\"}\n{}\n");
}

TEST(TlsRemote, WhatIsMissingIsSaid) {
  FakeWorld world(false);
  world.flags.set("tls_hostname", "");
  auto sent = TlsRemote(world.parts()).send(request("/config"), kNever);
  ASSERT_FALSE(sent);
  EXPECT_THAT(sent.error().text(), HasSubstr("--tls_hostname"));
  world.flags.set("tls_hostname", "fleet.test");
  world.flags.set("enroll_secret_path", "/absent/secret");
  sent = TlsRemote(world.parts()).send(request("/config"), kNever);
  ASSERT_FALSE(sent);
  EXPECT_THAT(sent.error().text(), AllOf(HasSubstr("/absent/secret"), HasSubstr("No such file")));
  world.flags.set("enroll_secret_path", "");
  world.flags.set("tls_server_certs", "/absent/ca.pem");
  sent = TlsRemote(world.parts()).send(request("/config"), kNever);
  ASSERT_FALSE(sent);
  EXPECT_THAT(sent.error().text(), HasSubstr("/absent/ca.pem"));
}

}  // namespace
}  // namespace osprey::agent
