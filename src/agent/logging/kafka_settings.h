// What the flags logger_kafka_* ask of librdkafka.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "agent/config/configuration.h"
#include "agent/logging/kafka_module.h"
#include "base/result.h"

namespace osprey::agent {

// The longest line that is sent: what a broker takes by its default (1,048,588 bytes a batch), less what stands around.
inline constexpr std::size_t kLongestKafkaLine = 1'000'000;

// A setting: no batch is sent after one that a broker has refused for good; the producer ends with a fatal error.
inline constexpr std::string_view kKafkaGapless = "enable.gapless.guarantee";

// acks=all comes with the idempotent producer: brokers keep order and drop what a retry repeats. With fewer, which it
// cannot do, one request at a time keeps the order unless a batch is refused, and a retry may repeat lines. One broker
// named with ssl:// makes all of them be spoken to by TLS.
Result<KafkaSettings> kafka_settings(const Flags& flags, const std::string& client_id);

// Topics by query.
class KafkaTopics {
 public:
  // An error where no line could have any.
  static Result<KafkaTopics> of(const Configuration& configuration);
  // Empty if the query's lines have none.
  std::string_view topic(std::string_view query) const;

 private:
  std::map<std::string, std::string, std::less<>> topics_;
  std::string others_;
};

}  // namespace osprey::agent
