#include "agent/logging/kafka_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace osprey::agent {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Key;
using testing::Not;
using testing::Pair;

TEST(KafkaSettings, OsquerysDefaultsAreTheIdempotentProducer) {
  const auto settings = kafka_settings(Flags(), "host");
  ASSERT_TRUE(settings);
  EXPECT_THAT(*settings, Contains(Pair("bootstrap.servers", "localhost")));
  EXPECT_THAT(*settings, Contains(Pair("client.id", "host")));
  EXPECT_THAT(*settings, Contains(Pair("acks", "all")));
  EXPECT_THAT(*settings, Contains(Pair("enable.idempotence", "true")));
  EXPECT_THAT(*settings, Contains(Pair(kKafkaGapless, "true")));
  EXPECT_THAT(*settings, Not(Contains(Key("security.protocol"))));
}

TEST(KafkaSettings, FewerAcknowledgementsKeepTheOrder) {
  Flags flags;
  flags.set("logger_kafka_acks", "1");
  const auto settings = kafka_settings(flags, "host");
  ASSERT_TRUE(settings);
  EXPECT_THAT(*settings, Contains(Pair("enable.idempotence", "false")));
  EXPECT_THAT(*settings, Contains(Pair(kKafkaGapless, "false"))) << "the library refuses it without idempotence";
  EXPECT_THAT(*settings, Contains(Pair("max.in.flight.requests.per.connection", "1")));
}

TEST(KafkaSettings, OneBrokerByTlsMeansAllByTls) {
  Flags flags;
  flags.set("logger_kafka_brokers", "one:9092, ssl://two:9093,");
  flags.set("tls_server_certs", "/dev/null");
  const auto settings = kafka_settings(flags, "host");
  ASSERT_TRUE(settings) << settings.error().text();
  EXPECT_THAT(*settings, Contains(Pair("bootstrap.servers", "one:9092,two:9093")));
  EXPECT_THAT(*settings, Contains(Pair("security.protocol", "ssl")));
  EXPECT_THAT(*settings, Contains(Pair("ssl.ca.location", "/dev/null")));
  EXPECT_THAT(*settings, Contains(Pair("ssl.endpoint.identification.algorithm", "https")));
}

TEST(KafkaSettings, WhatIsWrongIsNamed) {
  const auto error = [](FlagName name, std::string_view value) {
    Flags flags;
    flags.set(name, value);
    const auto settings = kafka_settings(flags, "host");
    return settings ? std::string() : settings.error().text();
  };
  EXPECT_THAT(error("logger_kafka_acks", "two"), HasSubstr("logger_kafka_acks: \"two\""));
  EXPECT_THAT(error("logger_kafka_compression", "rar"), HasSubstr("zstd"));
  EXPECT_THAT(error("logger_kafka_brokers", " , "), HasSubstr("HOST:PORT"));
  EXPECT_THAT(error("logger_kafka_brokers", "sasl://one"), HasSubstr("only ssl://"));
}

TEST(KafkaTopics, AQueryHasItsOwnOrTheOneForAllOrNone) {
  Configuration configuration;
  configuration.kafka_topics = {{"one", {"users", "pack_a_b"}}, {"two", {"mounts", "users"}}};
  auto topics = KafkaTopics::of(configuration);
  ASSERT_TRUE(topics);
  EXPECT_EQ(topics->topic("pack_a_b"), "one");
  EXPECT_EQ(topics->topic("mounts"), "two");
  EXPECT_EQ(topics->topic("users"), "one") << "the first by name";
  EXPECT_EQ(topics->topic("others"), "");
  configuration.flags.set("logger_kafka_topic", "base");
  EXPECT_EQ(KafkaTopics::of(configuration)->topic("others"), "base");
}

TEST(KafkaTopics, NoneAtAllIsAnError) {
  const auto topics = KafkaTopics::of(Configuration());
  ASSERT_FALSE(topics);
  EXPECT_THAT(topics.error().text(), HasSubstr("logger_kafka_topic: is empty: set it"));
}

}  // namespace
}  // namespace osprey::agent
