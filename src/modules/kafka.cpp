// The module "kafka": what agent/logging/kafka_module.h promises, by librdkafka.
#include "agent/logging/kafka_module.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <array>
#include <future>
#include <map>
#include <thread>

#include "base/module_entry.h"

namespace osprey::agent {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 300ms;  // with the library's threads when a producer goes

using Outcome = KafkaReport::Outcome;

Outcome outcome_of(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      return Outcome::arrived;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
      return Outcome::too_large;
    default:
      return Outcome::failed;
  }
}

class Producer final : public KafkaProducer {
 public:
  // The library's callbacks come on the thread that calls reports().
  static Result<std::unique_ptr<KafkaProducer>> make(const KafkaSettings& settings) {
    std::array<char, 512> words{};
    std::unique_ptr<rd_kafka_conf_t, decltype(&rd_kafka_conf_destroy)> conf(rd_kafka_conf_new(), rd_kafka_conf_destroy);
    for (const auto& [name, value] : settings)
      if (rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), words.data(), words.size()) != RD_KAFKA_CONF_OK)
        return failure("kafka", words.data());
    auto producer = std::make_unique<Producer>();
    rd_kafka_conf_set_opaque(conf.get(), producer.get());
    rd_kafka_conf_set_dr_msg_cb(conf.get(), [](rd_kafka_t*, const rd_kafka_message_t* message, void* self) {
      static_cast<Producer*>(self)->reported(*message);
    });
    rd_kafka_conf_set_error_cb(conf.get(), [](rd_kafka_t*, int code, const char* reason, void* self) {
      // That all are down is said besides what each has met with, which tells more.
      if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) static_cast<Producer*>(self)->trouble_ = reason;
    });
    rd_kafka_conf_set_log_cb(conf.get(), [](const rd_kafka_t*, int, const char*, const char*) {});
    producer->kafka_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), words.data(), words.size());
    if (!producer->kafka_) return failure("kafka", words.data());
    conf.release();  // the producer's now
    return producer;
  }

  Producer() = default;
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  // The library waits for its threads, and one of them may be looking up a name for as long as the name server likes:
  // the last steps are then done without us.
  ~Producer() override {
    if (!kafka_) return;
    std::promise<void> gone;
    auto is_gone = gone.get_future();
    std::thread([kafka = kafka_, gone = std::move(gone)]() mutable {
      rd_kafka_purge(kafka, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
      rd_kafka_destroy(kafka);
      gone.set_value();
    }).detach();
    is_gone.wait_for(kPatience);
  }

  Result<void> send(const std::string& topic, std::string_view key, std::string_view value, std::uint64_t id) override {
    const auto [at, first] = topics_.try_emplace(topic);
    if (!first && !at->second.open) {
      at->second.held.push_back({std::string(key), std::string(value), id});
      return {};
    }
    return produce(topic, key, value, id);
  }

  std::vector<KafkaReport> reports(std::chrono::milliseconds timeout) override {
    const auto end = std::chrono::steady_clock::now() + timeout;
    for (auto left = timeout;;
         left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now())) {
      // Returns early for whatever the library has to say.
      rd_kafka_poll(kafka_, reports_.empty() ? static_cast<int>(std::max(left, 0ms).count()) : 0);
      if (!reports_.empty() || left <= 0ms) return std::exchange(reports_, {});
    }
  }

  std::string trouble() override { return std::exchange(trouble_, {}); }

  std::optional<std::string> fatal() const override {
    std::array<char, 512> words{};
    if (rd_kafka_fatal_error(kafka_, words.data(), words.size()) == RD_KAFKA_RESP_ERR_NO_ERROR) return std::nullopt;
    return words.data();
  }

 private:
  struct Message {
    std::string key, value;
    std::uint64_t id = 0;
  };

  // A partition takes any sequence number from a producer that it has not heard of: were the first batch refused, those
  // sent right behind it would be written, and their lines stand before the refused ones, which are sent again. So the
  // first message of a topic goes alone. All have one key, and thus a topic means a partition.
  struct Topic {
    bool open = false;  // the first message has been reported
    std::vector<Message> held;
  };

  Result<void> produce(const std::string& topic, std::string_view key, std::string_view value, std::uint64_t id) {
    // The number comes back with the delivery's report.  NOLINTNEXTLINE(performance-no-int-to-ptr)
    void* const opaque = reinterpret_cast<void*>(static_cast<std::uintptr_t>(id));
    const auto code =
        rd_kafka_producev(kafka_, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_KEY(key.data(), key.size()),
                          RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_END);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
    if (outcome_of(code) != Outcome::too_large) return failure(topic, rd_kafka_err2str(code));
    reports_.push_back({.id = id, .outcome = Outcome::too_large, .bytes = value.size(), .reason = {}});
    open(topic);
    return {};
  }

  void reported(const rd_kafka_message_t& message) {
    // After a fatal error the library clears its queues, and tells so before it tells of the messages that led to it.
    if (message.err == RD_KAFKA_RESP_ERR__PURGE_QUEUE) return;
    const auto outcome = outcome_of(message.err);
    reports_.push_back({.id = reinterpret_cast<std::uintptr_t>(message._private),
                        .outcome = outcome,
                        .bytes = message.len,
                        .reason = outcome == Outcome::failed ? rd_kafka_err2str(message.err) : ""});
    if (outcome != Outcome::failed) open(rd_kafka_topic_name(message.rkt));
  }

  void open(const std::string& name) {
    auto& topic = topics_[name];
    topic.open = true;
    for (const auto& message : std::exchange(topic.held, {}))
      if (auto sent = produce(name, message.key, message.value, message.id); !sent) {
        reports_.push_back({message.id, Outcome::failed, message.value.size(), sent.error().text()});
        return;  // nothing may overtake it
      }
  }

  rd_kafka_t* kafka_ = nullptr;
  std::map<std::string, Topic, std::less<>> topics_;
  std::vector<KafkaReport> reports_;
  std::string trouble_;
};

}  // namespace
}  // namespace osprey::agent

OSPREY_MODULE(osprey::agent::KafkaModule) = {.producer = osprey::agent::Producer::make};
