#include "agent/remote/server_settings.h"

#include <gtest/gtest.h>

namespace osprey::agent {
namespace {

using namespace std::chrono_literals;

TEST(ServerSettings, TheServer) {
  Flags flags(false);
  EXPECT_EQ(server_of(flags), "");
  flags.set("tls_hostname", "fleet.test:8443");
  EXPECT_EQ(server_of(flags), "https://fleet.test:8443");
  flags.set("tls_hostname", "http://127.0.0.1:8080");
  EXPECT_EQ(server_of(flags), "http://127.0.0.1:8080");
}

TEST(ServerSettings, PathsBeginWithASlash) {
  EXPECT_EQ(path_of("/a/b"), "/a/b");
  EXPECT_EQ(path_of("a/b"), "/a/b");
  EXPECT_EQ(path_of(""), "/");
  EXPECT_EQ(in_target("na-key_1~/&=?%\""), "na-key_1~/&=?%\"");
  EXPECT_EQ(in_target("a b\r\n#\x7f\xff"), "a%20b%0D%0A%23%7F%FF");
}

TEST(ServerSettings, TheWayToIt) {
  Flags flags(false);
  flags.set("tls_hostname", "fleet.test");
  flags.set("tls_server_certs", "/dev/null");
  flags.set("tls_client_cert", "/dev/null");
  flags.set("tls_client_key", "/dev/null");
  flags.set("proxy_hostname", "proxy.test:8080");
  flags.set("tls_session_timeout", "60");
  flags.set("tls_session_reuse", "false");
  flags.set("tls_accept_gzip", "true");
  const auto options = client_options(flags, {});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->origin, "https://fleet.test");
  EXPECT_EQ(options->user_agent, "osprey/0.1.0");
  EXPECT_EQ(options->authorities, "/dev/null");
  EXPECT_EQ(options->certificate, "/dev/null");
  EXPECT_EQ(options->key, "/dev/null");
  EXPECT_EQ(options->proxy, "proxy.test:8080");
  EXPECT_EQ(options->connection_age, 60s);
  EXPECT_FALSE(options->keep_alive);
  EXPECT_TRUE(options->accept_gzip);
}

// A fleet of ours needs no endpoints named: they are where osprey-server has them.
TEST(ServerSettings, EndpointsOfOurOwnServer) {
  EXPECT_EQ(Flags(false).text("enroll_tls_endpoint"), "/api/osquery/enroll");
  EXPECT_EQ(Flags(false).text("config_tls_endpoint"), "/api/osquery/config");
  EXPECT_EQ(Flags(false).text("logger_tls_endpoint"), "/api/osquery/log");
  EXPECT_EQ(Flags(true).text("logger_tls_endpoint"), "");
}

}  // namespace
}  // namespace osprey::agent
