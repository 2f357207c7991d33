#include "agent/logging/kafka_settings.h"

#include <fmt/format.h>

#include <array>

#include "agent/logging/certificate_files.h"
#include "base/text.h"

namespace osprey::agent {
namespace {

constexpr std::string_view kTlsMark = "ssl://";
constexpr std::array<std::string_view, 5> kCompressions = {"none", "gzip", "lz4", "snappy", "zstd"};

struct Brokers {
  std::string list;
  bool tls = false;
};

Result<Brokers> parse_brokers(std::string_view text) {
  Brokers brokers;
  for (auto broker : split(text, ',')) {
    broker = trim(broker);
    if (broker.starts_with(kTlsMark)) {
      brokers.tls = true;
      broker.remove_prefix(kTlsMark.size());
    }
    if (broker.empty()) continue;
    if (broker.contains("://"))
      return failure("logger_kafka_brokers", fmt::format("\"{}\": only ssl:// may stand before a broker", broker));
    if (!brokers.list.empty()) brokers.list += ',';
    brokers.list += broker;
  }
  if (brokers.list.empty()) return failure("logger_kafka_brokers", "names no broker: want HOST:PORT,HOST:PORT…");
  return brokers;
}

Result<void> add_tls(const Flags& flags, KafkaSettings& settings) {
  const auto files = TRY(certificate_files(flags));
  settings.emplace_back("security.protocol", "ssl");
  settings.emplace_back("enable.ssl.certificate.verification", "true");
  settings.emplace_back("ssl.endpoint.identification.algorithm", "https");
  if (!files.authorities.empty()) settings.emplace_back("ssl.ca.location", files.authorities);
  if (!files.certificate.empty()) settings.emplace_back("ssl.certificate.location", files.certificate);
  if (!files.key.empty()) settings.emplace_back("ssl.key.location", files.key);
  return {};
}

}  // namespace

Result<KafkaSettings> kafka_settings(const Flags& flags, const std::string& client_id) {
  const auto brokers = TRY(parse_brokers(flags.text("logger_kafka_brokers")));
  const auto acks = flags.text("logger_kafka_acks");
  if (acks != "0" && acks != "1" && acks != "all")
    return failure("logger_kafka_acks", fmt::format("\"{}\" is none of 0, 1 and all", acks));
  const bool idempotent = acks == "all";
  const auto compression = flags.text("logger_kafka_compression");
  if (std::ranges::find(kCompressions, compression) == kCompressions.end())
    return failure("logger_kafka_compression",
                   fmt::format("\"{}\" is none of none, gzip, lz4, snappy and zstd", compression));
  KafkaSettings settings{
      {"bootstrap.servers", brokers.list},
      {"client.id", client_id},
      {"acks", std::string(acks)},
      {"enable.idempotence", idempotent ? "true" : "false"},
      {"max.in.flight.requests.per.connection", idempotent ? "5" : "1"},
      // Where a batch is refused, no later one may be written before its lines are sent again.
      {std::string(kKafkaGapless), idempotent ? "true" : "false"},
      {"compression.codec", std::string(compression)},
      // The log buffer waits, not the library: nothing is given up for its age.
      {"message.timeout.ms", "0"},
      {"linger.ms", "5"},
      {"message.max.bytes", "1048000"},
      {"batch.size", "131072"},
      // Far more than one call of deliver() is offered.
      {"queue.buffering.max.kbytes", "16384"},
      {"queue.buffering.max.messages", "2000000"},
      {"reconnect.backoff.max.ms", "2000"},
      {"socket.timeout.ms", "20000"},
      {"socket.keepalive.enable", "true"},
  };
  if (brokers.tls) TRY(add_tls(flags, settings));
  return settings;
}

Result<KafkaTopics> KafkaTopics::of(const Configuration& configuration) {
  KafkaTopics topics;
  topics.others_ = configuration.flags.text("logger_kafka_topic");
  for (const auto& [topic, queries] : configuration.kafka_topics)
    for (const auto& query : queries) topics.topics_.emplace(query, topic);
  if (topics.others_.empty() && topics.topics_.empty())
    return failure("logger_kafka_topic",
                   "is empty: set it, or say in the configuration's kafka_topics which queries go to which topic");
  return topics;
}

std::string_view KafkaTopics::topic(std::string_view query) const {
  const auto found = topics_.find(query);
  return found == topics_.end() ? others_ : found->second;
}

}  // namespace osprey::agent
