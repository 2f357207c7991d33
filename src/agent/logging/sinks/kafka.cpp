// kafka_producer: a message a line, to the topic of its query.
#include <fmt/format.h>

#include <deque>
#include <set>

#include "agent/daemon/host_identity.h"
#include "agent/logging/kafka_settings.h"
#include "agent/logging/line_units.h"
#include "agent/logging/sinks/sinks.h"
#include "base/module.h"

namespace osprey::agent {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kName = "kafka_producer";
constexpr auto kLook = 100ms;    // between two looks at the order to stop
constexpr auto kPatience = 10s;  // with brokers that report nothing

// The messages of a unit of lines that the library has been given and that have not all been reported. They stay when
// deliver() ends, so that records which are offered again are not sent again.
struct Flight {
  LogPosition next;  // of the unit's last record
  std::size_t records = 0;
  std::size_t open = 0;  // messages without a report
  TooLong too_long;
  std::uint64_t homeless = 0;  // lines that no topic is for
  std::uint64_t homeless_bytes = 0;
};

class KafkaSink final : public Sink {
 public:
  explicit KafkaSink(const SinkParts& parts) : parts_(parts) {}

  bool wants_status() const override { return false; }
  std::size_t most_offered() const override { return offer_for_lines(kLongestKafkaLine); }

  Result<void> configure(const Configuration& configuration) override {
    auto changed = adopt(configuration);
    problem_ = changed ? std::nullopt : std::optional(changed.error());
    told_.clear();
    return changed;
  }

  Taken deliver(std::span<const LogDelivery> records, const Interrupt& stop) override {
    Taken taken;
    if (auto done = exchange(records, stop, taken.records); !done) taken.error = std::move(done).error();
    return taken;
  }

 private:
  Result<void> adopt(const Configuration& configuration) {
    topics_ = TRY(KafkaTopics::of(configuration));
    const auto host = host_name();
    auto settings = TRY(kafka_settings(configuration.flags, host));
    key_ = fmt::format("{}_{}", host, parts_.program.name);
    if (settings == settings_) return {};
    drop();
    settings_ = std::move(settings);
    one_by_one_ = false;
    return {};
  }

  Result<void> exchange(std::span<const LogDelivery> records, const Interrupt& stop, std::size_t& taken) {
    if (problem_) return std::unexpected(*problem_);
    const LineUnits cut(records, kLongestKafkaLine);
    keep_flights_of(cut.units());
    if (!producer_) TRY(open());
    for (const auto& unit : std::span(cut.units()).subspan(flights_.size())) TRY(send(unit));
    auto result = wait(stop);
    while (!flights_.empty() && flights_.front().open == 0) land(taken);
    if (!result || refused_ || producer_->fatal()) drop();
    return result;
  }

  // What is in flight must be what is offered, from the first record on. Flights before it: the buffer has shed their
  // records, or what they reported has been acknowledged.
  void keep_flights_of(const std::vector<LineUnit>& units) {
    const auto next_of = [](const LineUnit& unit) { return unit.records.back().next; };
    while (!flights_.empty() && !units.empty() && flights_.front().next < next_of(units.front())) forget_front();
    for (std::size_t i = 0; i < flights_.size(); ++i)
      if (i >= units.size() || flights_[i].next != next_of(units[i])) return drop();
  }

  Result<void> open() {
    const KafkaModule& kafka = *TRY(open_module<KafkaModule>());
    auto settings = settings_;
    if (one_by_one_) settings.emplace_back("batch.num.messages", "1");
    producer_ = TRY(kafka.producer(settings));
    return {};
  }

  Result<void> send(const LineUnit& unit) {
    Flight flight{.next = unit.records.back().next, .records = unit.records.size()};
    flight.too_long.add(unit);
    const std::string topic(topics_.topic(unit.front().query));
    const auto id = first_ + flights_.size();
    for (const auto line : unit.lines) {
      if (topic.empty()) {
        ++flight.homeless;
        flight.homeless_bytes += line.size();
        continue;
      }
      if (auto sent = producer_->send(topic, key_, line, id); !sent) {
        drop();
        return sent;
      }
      ++flight.open;
    }
    if (flight.homeless > 0 && told_.insert(unit.front().query).second)
      parts_.status.warning(fmt::format(
          "Lines of the query {} are lost to {}: kafka_topics does not name it and logger_kafka_topic is empty",
          unit.front().query, kName));
    flights_.push_back(flight);
    reported_ = Interrupt::Clock::now();
    return {};
  }

  // Until all flights have been reported.
  Result<void> wait(const Interrupt& stop) {
    const auto flying = [](const Flight& flight) { return flight.open > 0; };
    while (std::ranges::any_of(flights_, flying) && !stop.requested() && !refused_) {
      const auto reports = producer_->reports(kLook);
      if (!reports.empty()) reported_ = Interrupt::Clock::now();
      for (const auto& report : reports) TRY(note(report));
      if (auto reason = producer_->fatal()) return failure(std::string(kName), *reason);
      if (Interrupt::Clock::now() - reported_ < kPatience) continue;
      reported_ = Interrupt::Clock::now();
      const auto trouble = producer_->trouble();
      return waiting(trouble);
    }
    return {};
  }

  std::unexpected<Error> waiting(const std::string& trouble) const {
    return failure(std::string(kName), fmt::format("no broker has confirmed anything for {} s{}{}", kPatience.count(),
                                                   trouble.empty() ? "" : ": ", trouble));
  }

  Result<void> note(const KafkaReport& report) {
    if (report.id < first_ || report.id >= first_ + flights_.size()) return {};
    auto& flight = flights_[report.id - first_];
    switch (report.outcome) {
      case KafkaReport::Outcome::failed:
        return failure(std::string(kName), report.reason);
      case KafkaReport::Outcome::too_large:
        // Brokers refuse whole batches. To tell the message that is too large from those that were in a batch with it,
        // all that is in flight is sent again, each in a batch of its own.
        if (!one_by_one_) {
          refused_ = true;
          return {};
        }
        ++flight.too_long.lines;
        flight.too_long.bytes += report.bytes;
        break;
      case KafkaReport::Outcome::arrived:
        break;
    }
    --flight.open;
    return {};
  }

  // The first flight has landed.
  void land(std::size_t& taken) {
    const auto& flight = flights_.front();
    taken += flight.records;
    flight.too_long.report(parts_, std::string(kName));
    if (flight.homeless > 0)
      parts_.losses.add(std::string(kName), "message", "no topic", flight.homeless, flight.homeless_bytes);
    forget_front();
  }

  void forget_front() {
    flights_.pop_front();
    ++first_;
  }

  void drop() {
    first_ += flights_.size();
    flights_.clear();
    producer_.reset();
    one_by_one_ = one_by_one_ || refused_;
    refused_ = false;
  }

  SinkParts parts_;
  KafkaSettings settings_;
  KafkaTopics topics_;
  std::string key_;
  std::optional<Error> problem_;  // with the configuration
  std::unique_ptr<KafkaProducer> producer_;
  std::deque<Flight> flights_;
  std::uint64_t first_ = 0;                  // number of the first of them; numbers are the messages' ids
  Interrupt::Clock::time_point reported_;    // or given something to report
  bool refused_ = false;                     // for a batch's size
  bool one_by_one_ = false;                  // a batch for each message
  std::set<std::string, std::less<>> told_;  // queries without a topic
};

}  // namespace

std::unique_ptr<Sink> kafka_sink(const SinkParts& parts) { return std::make_unique<KafkaSink>(parts); }

}  // namespace osprey::agent
