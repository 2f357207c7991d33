#include "server/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace osprey::server {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

std::expected<Options, int> parse(std::vector<std::string> words) {
  words.insert(words.begin(), "osprey-server");
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  return read_options(static_cast<int>(arguments.size()), arguments.data());
}

Options parsed(const std::vector<std::string>& words) {
  auto options = parse(words);
  EXPECT_TRUE(options) << testing::PrintToString(words);
  return options.value_or(Options());
}

TEST(Options, WhereThingsAre) {
  const auto options = parsed({"--data=/d", "--database=postgresql://h/n", "--database_connections=33"});
  EXPECT_EQ(options.data, "/d");
  EXPECT_EQ(options.database, "postgresql://h/n");
  EXPECT_EQ(options.database_connections, 33U);
}

TEST(Options, Network) {
  const auto options = parsed({"--listen=[::1]:9", "--public_address=fleet.test", "--certificate=/dev/null",
                               "--key=/dev/null", "--client_authorities=/dev/null", "--client_certificates=optional",
                               "--trusted_balancers=10.0.0.0/8,192.0.2.1", "--insecure_http"});
  EXPECT_EQ(options.address, "::1");
  EXPECT_EQ(options.port, 9);
  EXPECT_EQ(options.public_address, "fleet.test");
  EXPECT_EQ(options.certificate, "/dev/null");
  EXPECT_EQ(options.key, "/dev/null");
  EXPECT_EQ(options.client_authorities, "/dev/null");
  EXPECT_EQ(options.client_certificates, http::ClientCertificates::optional);
  EXPECT_THAT(options.trusted_balancers, ElementsAre("10.0.0.0/8", "192.0.2.1"));
  EXPECT_TRUE(options.insecure_http);
}

TEST(Options, Hosts) {
  const auto options = parsed({"--identifier=instance_id", "--certificate_names_host", "--client_certificates=required",
                               "--client_authorities=/dev/null", "--enroll_secret_member=word"});
  EXPECT_EQ(options.identifier, enrollment::Identifier::instance_id);
  EXPECT_TRUE(options.certificate_names_host);
  EXPECT_EQ(options.client_certificates, http::ClientCertificates::required);
  EXPECT_EQ(options.secret_member, "word");
  EXPECT_EQ(parsed({"--identifier=hardware_uuid"}).identifier, enrollment::Identifier::hardware_uuid);
  EXPECT_EQ(parsed({}).identifier, enrollment::Identifier::given);
}

TEST(Options, Load) {
  const auto options = parsed({"--threads=3", "--workers=5", "--body_mb=7", "--held_read_seconds=11"});
  EXPECT_EQ(options.threads, 3U);
  EXPECT_EQ(options.workers, 5U);
  EXPECT_EQ(options.agent_body, 7U << 20);
  EXPECT_EQ(options.held_read, 11s);
}

TEST(Options, Retention) {
  const auto options = parsed({"--keep_results_days=3", "--keep_results_gb=0.5", "--carve_mb=9", "--keep_carves_days=4",
                               "--keep_carves_gb=1.5"});
  EXPECT_EQ(options.keep_results, 72h);
  EXPECT_EQ(options.keep_results_bytes, 500'000'000);
  EXPECT_EQ(options.carves.carve_bytes, 9U << 20);
  EXPECT_EQ(options.carves.keep_ms, std::chrono::milliseconds(96h).count());
  EXPECT_EQ(options.carves.all_bytes, 1'500'000'000U);
}

TEST(Options, Log) {
  const auto options = parsed({"--log_level=debug", "--log_json"});
  EXPECT_EQ(options.log_level, "debug");
  EXPECT_TRUE(options.log_json);
}

TEST(Options, TheCommandLineIsStrongerThanTheFileAndThatThanTheEnvironment) {
  const auto file = testing::TempDir() + "/options_test.conf";
  std::ofstream(file) << "workers=2\nbody_mb=3\nlog_json=true\n";
  ::setenv("OSPREY_THREADS", "10", 1);
  ::setenv("OSPREY_WORKERS", "20", 1);
  ::setenv("OSPREY_BODY_MB", "30", 1);
  const auto options = parsed({"--config=" + file, "--body_mb=40"});
  ::unsetenv("OSPREY_THREADS");
  ::unsetenv("OSPREY_WORKERS");
  ::unsetenv("OSPREY_BODY_MB");
  EXPECT_EQ(options.threads, 10U);
  EXPECT_EQ(options.workers, 2U);
  EXPECT_EQ(options.agent_body, 40U << 20);
  EXPECT_TRUE(options.log_json);
}

TEST(Options, Commands) {
  EXPECT_EQ(parsed({}).command, Options::Command::serve);
  EXPECT_EQ(parsed({"migrate"}).command, Options::Command::migrate);
  EXPECT_EQ(parsed({"openapi"}).command, Options::Command::openapi);
  const auto reset = parsed({"reset_password", "ada"});
  EXPECT_EQ(reset.command, Options::Command::reset_password);
  EXPECT_EQ(reset.administrator, "ada");
}

TEST(Options, WhatCannotBeIsRefused) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"--listen=8443"},
                                                {"--listen=h:65536"},
                                                {"--certificate=/dev/null"},
                                                {"--client_certificates=required"},
                                                {"--certificate_names_host"},
                                                {"--identifier=serial"},
                                                {"--workers=0"},
                                                {"--body_mb=0"},
                                                {"--keep_carves_gb=0"},
                                                {"--database_connections=1"},
                                                {"--log_level=loud"},
                                                {"nothing"}})
    EXPECT_FALSE(parse(words)) << testing::PrintToString(words);
}

}  // namespace
}  // namespace osprey::server
