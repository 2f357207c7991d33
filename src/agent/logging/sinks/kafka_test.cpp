#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/logging/kafka_settings.h"
#include "agent/logging/sinks/sinks.h"
#include "store/memory_store.h"

namespace osprey::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Outcome = KafkaReport::Outcome;

// Brokers: what they were sent, and what they say to it. Producers are made by a plain function, so there is one.
struct Brokers {
  struct Message {
    std::string topic, key, value;
    std::uint64_t id;
  };
  std::vector<Message> sent;
  std::vector<KafkaSettings> producers;  // made so far
  std::size_t alive = 0;
  std::vector<KafkaReport> reports;                              // for the next call
  std::optional<std::string> fatal;                              // of the last producer
  std::function<std::optional<Outcome>(const Message&)> answer;  // at once; none: silence
};
Brokers* brokers = nullptr;

class FakeProducer final : public KafkaProducer {
 public:
  FakeProducer() { ++brokers->alive; }
  FakeProducer(const FakeProducer&) = delete;
  FakeProducer& operator=(const FakeProducer&) = delete;
  ~FakeProducer() override { --brokers->alive; }

  Result<void> send(const std::string& topic, std::string_view key, std::string_view value, std::uint64_t id) override {
    if (brokers->fatal) return failure(topic, "fatal error");
    const Brokers::Message message{topic, std::string(key), std::string(value), id};
    brokers->sent.push_back(message);
    if (const auto outcome = brokers->answer(message))
      brokers->reports.push_back({id, *outcome, value.size(), "refused"});
    return {};
  }
  std::vector<KafkaReport> reports(std::chrono::milliseconds) override { return std::exchange(brokers->reports, {}); }
  std::string trouble() override { return {}; }
  std::optional<std::string> fatal() const override { return brokers->fatal; }
};

Result<std::unique_ptr<KafkaProducer>> make_producer(const KafkaSettings& settings) {
  brokers->producers.push_back(settings);
  brokers->fatal.reset();
  return std::make_unique<FakeProducer>();
}

const KafkaModule kFake{.producer = make_producer};

LogDelivery delivery(std::uint64_t number, std::string text, std::string query = "users") {
  return {.next = {number + 1}, .record = {.query = std::move(query), .text = std::move(text), .lines = 1}};
}

class KafkaSinkTest : public testing::Test {
 protected:
  KafkaSinkTest() {
    brokers = &all;
    all.answer = [](const auto&) { return Outcome::arrived; };
    configuration.flags.set("logger_kafka_topic", "base");
    configure();
  }

  void configure() {
    const auto done = sink->configure(configuration);
    ASSERT_TRUE(done) << done.error().text();
  }
  Sink::Taken deliver(const std::vector<LogDelivery>& records) { return sink->deliver(records, Interrupt::never()); }
  std::vector<std::string> values() const {
    std::vector<std::string> values;
    for (const auto& message : all.sent) values.push_back(message.value);
    return values;
  }

  Brokers all;
  Program program;
  StatusLog status;
  std::unique_ptr<store::Store> store = store::memory_store();
  Losses losses{*store};
  Configuration configuration;
  std::unique_ptr<Sink> sink = kafka_sink({program, status, losses, [] { return std::string("h"); }}, kFake);
};

// LOG-02.
TEST_F(KafkaSinkTest, EveryLineIsAMessageAndARecordIsTakenWhenAllItsLinesHaveArrived) {
  EXPECT_EQ(deliver({delivery(1, "a\nb\n"), delivery(2, "c\n")}).records, 2);
  EXPECT_THAT(values(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(all.sent[0].topic, "base");
  EXPECT_THAT(all.sent[0].key, testing::EndsWith("_osprey"));
}

TEST_F(KafkaSinkTest, WhatIsInFlightIsNotSentAgain) {
  all.answer = [](const auto&) { return std::nullopt; };
  const std::vector<LogDelivery> records{delivery(1, "a\n"), delivery(2, "b\n"), delivery(3, "c\n")};
  EXPECT_EQ(sink->deliver(records, Interrupt(Interrupt::Clock::now())).records, 0);
  for (const auto& message : all.sent) all.reports.push_back({message.id, Outcome::arrived, 1, {}});
  EXPECT_EQ(deliver(records).records, 3);
  EXPECT_THAT(values(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(all.producers.size(), 1);
}

TEST_F(KafkaSinkTest, RecordsThatTheBufferHasShedAreForgotten) {
  all.answer = [](const auto&) { return std::nullopt; };
  sink->deliver(std::vector{delivery(1, "a\n"), delivery(2, "b\n")}, Interrupt(Interrupt::Clock::now()));
  all.reports = {{all.sent[1].id, Outcome::arrived, 1, {}}};
  EXPECT_EQ(deliver({delivery(2, "b\n")}).records, 1);
  EXPECT_THAT(values(), ElementsAre("a", "b"));
}

TEST_F(KafkaSinkTest, AFailureTakesWhatCameBeforeItAndStartsANewProducer) {
  all.answer = [](const auto& message) { return message.value == "b" ? Outcome::failed : Outcome::arrived; };
  const auto taken = deliver({delivery(1, "a\n"), delivery(2, "b\n"), delivery(3, "c\n")});
  EXPECT_EQ(taken.records, 1);
  ASSERT_TRUE(taken.error);
  EXPECT_THAT(taken.error->text(), HasSubstr("refused"));
  EXPECT_EQ(all.alive, 0);

  all.answer = [](const auto&) { return Outcome::arrived; };
  all.reports.clear();
  EXPECT_EQ(deliver({delivery(2, "b\n"), delivery(3, "c\n")}).records, 2);
  EXPECT_THAT(values(), ElementsAre("a", "b", "c", "b", "c"));
}

// What is offered anew must not overtake it.
TEST_F(KafkaSinkTest, AFailureSinceTheLastCallIsHeardBeforeMoreIsSent) {
  all.answer = [](const auto&) { return std::nullopt; };
  sink->deliver(std::vector{delivery(1, "a\n")}, Interrupt(Interrupt::Clock::now()));
  all.reports = {{all.sent[0].id, Outcome::failed, 1, "topic is gone"}};
  const auto taken = deliver({delivery(1, "a\n"), delivery(2, "b\n")});
  EXPECT_EQ(taken.records, 0);
  EXPECT_THAT(taken.error->text(), HasSubstr("topic is gone"));
  EXPECT_THAT(values(), ElementsAre("a"));

  all.answer = [](const auto&) { return Outcome::arrived; };
  EXPECT_EQ(deliver({delivery(1, "a\n"), delivery(2, "b\n")}).records, 2);
  EXPECT_THAT(values(), ElementsAre("a", "a", "b"));
}

TEST_F(KafkaSinkTest, AFatalErrorStartsANewProducer) {
  all.answer = [&](const auto&) {
    all.fatal = "out of order";
    return std::nullopt;
  };
  EXPECT_THAT(deliver({delivery(1, "a\n")}).error->text(), HasSubstr("out of order"));
  EXPECT_EQ(all.alive, 0);
}

TEST_F(KafkaSinkTest, AMessageRefusedForItsSizeIsToldFromThoseInABatchWithIt) {
  all.answer = [&](const auto& message) {
    const bool one_batch = all.producers.size() == 1;
    return one_batch || message.value == "large" ? Outcome::too_large : Outcome::arrived;
  };
  const auto taken = deliver({delivery(1, "a\n"), delivery(2, "large\nb\n"), delivery(3, "c\n")});
  EXPECT_EQ(taken.records, 3);
  EXPECT_FALSE(taken.error);
  ASSERT_EQ(all.producers.size(), 2);
  EXPECT_THAT(all.producers[1], testing::Contains(testing::Pair("batch.num.messages", "1")));
  ASSERT_EQ(losses.list().size(), 1);
  EXPECT_EQ(losses.list()[0].lost, 1);
  EXPECT_EQ(losses.list()[0].lost_bytes, 5);
}

// A refused batch ends the producer, so that no later one is written before it; what it tells is the refusal.
TEST_F(KafkaSinkTest, ARefusedBatchIsToldFromTheFatalErrorThatItMakesAndWhatCameBeforeIsNotRepeated) {
  const auto gapless = [](const KafkaSettings& settings) {
    std::string last;
    for (const auto& [name, value] : settings)
      if (name == kKafkaGapless) last = value;
    return last == "true";
  };
  all.answer = [&](const auto& message) -> std::optional<Outcome> {
    if (message.value == "a" || !gapless(all.producers.back())) return Outcome::arrived;
    all.fatal = "gap";
    return Outcome::too_large;
  };
  const auto taken = deliver({delivery(1, "a\n"), delivery(2, "b\n"), delivery(3, "c\n")});
  EXPECT_FALSE(taken.error);
  EXPECT_EQ(taken.records, 3);
  EXPECT_THAT(values(), ElementsAre("a", "b", "b", "c"));
}

TEST_F(KafkaSinkTest, TopicsOfQueriesGoBeforeTheOneForAll) {
  configuration.kafka_topics["mine"] = {"mounts"};
  configure();
  deliver({delivery(1, "a\n"), delivery(2, "b\n", "mounts")});
  EXPECT_EQ(all.sent[0].topic, "base");
  EXPECT_EQ(all.sent[1].topic, "mine");
  EXPECT_EQ(all.producers.size(), 1) << "other topics need no other producer";
}

TEST_F(KafkaSinkTest, LinesThatNoTopicIsForAreCountedAndToldOnce) {
  configuration.kafka_topics["mine"] = {"mounts"};
  configuration.flags.set("logger_kafka_topic", "");
  configure();
  std::vector<std::string> told;
  status.set_receiver([&](const protocol::StatusLine& line) { told.push_back(line.message); });
  EXPECT_EQ(deliver({delivery(1, "a\n"), delivery(2, "b\n", "mounts"), delivery(3, "cc\n")}).records, 3);
  EXPECT_THAT(values(), ElementsAre("b"));
  EXPECT_THAT(told, ElementsAre(HasSubstr("the query users")));
  ASSERT_EQ(losses.list().size(), 1);
  EXPECT_EQ(losses.list()[0].reason, "no topic");
  EXPECT_EQ(losses.list()[0].lost, 2);
  EXPECT_EQ(losses.list()[0].lost_bytes, 3);
}

TEST_F(KafkaSinkTest, WithoutAnyTopicItSaysWhatToSet) {
  configuration.flags.set("logger_kafka_topic", "");
  const auto done = sink->configure(configuration);
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().text(), HasSubstr("kafka_topics"));
}

TEST_F(KafkaSinkTest, OtherBrokersNeedAnotherProducer) {
  deliver({delivery(1, "a\n")});
  configuration.flags.set("logger_kafka_brokers", "elsewhere:9092");
  configure();
  EXPECT_EQ(all.alive, 0);
  deliver({delivery(2, "b\n")});
  ASSERT_EQ(all.producers.size(), 2);
  EXPECT_EQ(sink->target(), "elsewhere:9092");
}

}  // namespace
}  // namespace osprey::agent
