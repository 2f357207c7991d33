// What the module "kafka" (librdkafka) does for the program; opened by base/module.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace osprey::agent {

// By librdkafka's names.
using KafkaSettings = std::vector<std::pair<std::string, std::string>>;

// What became of a message.
struct KafkaReport {
  std::uint64_t id = 0;
  enum class Outcome : std::uint8_t {
    arrived,    // the brokers have it, as far as `acks` asks them
    too_large,  // they refuse it, or the batch that it was in, for its size
    failed,
  } outcome = Outcome::arrived;
  std::size_t bytes = 0;
  std::string reason;  // of a failure
};

// Belongs to one thread.
class KafkaProducer {
 public:
  // Ends soon, whatever the brokers do; what has not been reported may arrive or not.
  virtual ~KafkaProducer() = default;

  // Copies a message into the queue of what is to be sent. Messages of one topic and key arrive in this order.
  virtual Result<void> send(const std::string& topic, std::string_view key, std::string_view value,
                            std::uint64_t id) = 0;
  // What has been reported since the last call; waits for `timeout` at most if that is nothing.
  virtual std::vector<KafkaReport> reports(std::chrono::milliseconds timeout) = 0;
  // What the library last said of its brokers; forgotten then.
  virtual std::string trouble() = 0;
  // Why it can send nothing any more and must be made anew. The messages that this is about are still reported, those
  // behind them are not.
  virtual std::optional<std::string> fatal() const = 0;
};

struct KafkaModule {
  static constexpr std::string_view kName = "kafka";
  // Connects to nobody yet. A setting that the library refuses is an error.
  Result<std::unique_ptr<KafkaProducer>> (*producer)(const KafkaSettings&);
};

}  // namespace osprey::agent
