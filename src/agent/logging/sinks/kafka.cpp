// kafka_producer: a message a line, to the topic of its query.
#include <fmt/format.h>

#include <deque>
#include <set>

#include "agent/logging/kafka_settings.h"
#include "agent/logging/line_units.h"
#include "agent/logging/sinks/sinks.h"
#include "agent/program.h"
#include "base/module.h"

namespace osprey::agent {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kName = "kafka_producer";
constexpr auto kLook = 100ms;   // between two looks at the order to stop
constexpr auto kPatience = 5s;  // with brokers that report nothing

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
  // Without `module` the real one is opened on first use.
  KafkaSink(const SinkParts& parts, const KafkaModule* module) : parts_(parts), module_(module) {}

  bool wants_status() const override { return false; }
  std::size_t most_bytes() const override { return offer_for_lines(kLongestKafkaLine); }

  Result<void> configure(const Configuration& configuration) override {
    topics_ = TRY(KafkaTopics::of(configuration));
    const auto host = host_name();
    auto settings = TRY(kafka_settings(configuration.flags, host));
    key_ = fmt::format("{}_{}", host, parts_.program.name);
    told_.clear();
    if (settings == settings_) return {};
    drop();
    settings_ = std::move(settings);
    one_by_one_ = false;
    return {};
  }

  std::string target() const override { return settings_.empty() ? "" : settings_.front().second; }

  Taken deliver(std::span<const LogDelivery> records, const Interrupt& stop) override {
    const LineUnits cut(records, kLongestKafkaLine);
    std::span units(cut.units());
    Taken taken;
    for (bool again = true; again;) {
      const bool before = one_by_one_;
      auto done = exchange(units, stop, taken.records);
      if (!done) taken.error = std::move(done).error();
      again = one_by_one_ != before;
    }
    return taken;
  }

 private:
  // Sends what of `units` is not in flight and waits; those that have landed are taken off them.
  Result<void> exchange(std::span<const LineUnit>& units, const Interrupt& stop, std::size_t& taken) {
    keep_flights_of(units);
    if (!producer_) TRY(open());
    // What was reported since the last call is heard first: new lines must not overtake those that have failed.
    auto result = hear(0ms);
    if (result && !broken_) {
      auto sent = send_all(units.subspan(flights_.size()));
      // Where a fatal error cut it short, the reports tell what has arrived before it and why the rest has not.
      result = sent || producer_->fatal() ? wait(stop) : hear(0ms);
      if (!sent && !broken_) {
        broken_ = true;
        result = std::move(sent);
      }
    }
    for (; !flights_.empty() && flights_.front().open == 0; units = units.subspan(1)) land(taken);
    if (broken_) drop();
    return result;
  }

  // What is in flight must be what is offered, from the first record on. Flights before it: the buffer has shed their
  // records, or what they reported has been acknowledged.
  void keep_flights_of(std::span<const LineUnit> units) {
    const auto next_of = [](const LineUnit& unit) { return unit.records.back().next; };
    while (!flights_.empty() && !units.empty() && flights_.front().next < next_of(units.front())) forget_front();
    for (std::size_t i = 0; i < flights_.size(); ++i)
      if (i >= units.size() || flights_[i].next != next_of(units[i])) return drop();
  }

  Result<void> open() {
    if (!module_) module_ = TRY(open_module<KafkaModule>());
    auto settings = settings_;
    if (one_by_one_) {
      settings.emplace_back("batch.num.messages", "1");
      // A message that is refused now is lost. Those after it may go on, and nothing is sent again.
      settings.emplace_back(kKafkaGapless, "false");
    }
    producer_ = TRY(module_->producer(settings));
    return {};
  }

  Result<void> send_all(std::span<const LineUnit> units) {
    for (const auto& unit : units) TRY(send(unit));
    return {};
  }

  // After a failure the producer must go: what of the unit has been sent already is sent again.
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
      TRY(producer_->send(topic, key_, line, id));
      ++flight.open;
    }
    if (flight.homeless > 0 && told_.insert(unit.front().query).second)
      parts_.status.warning(fmt::format(
          "Lines of the query {} are lost to {}: kafka_topics does not name it and logger_kafka_topic is empty",
          unit.front().query, kName));
    flights_.push_back(flight);
    heard_ = Interrupt::Clock::now();
    return {};
  }

  // Until all flights have been reported.
  Result<void> wait(const Interrupt& stop) {
    const auto flying = [](const Flight& flight) { return flight.open > 0; };
    while (std::ranges::any_of(flights_, flying) && !stop.requested()) {
      TRY(hear(kLook));
      if (broken_) return {};
      if (Interrupt::Clock::now() - heard_ >= kPatience) return waiting(producer_->trouble());
    }
    return {};
  }

  // Notes what has been reported, until it is that the producer must go.
  Result<void> hear(std::chrono::milliseconds timeout) {
    // A fatal error is there before the report of the message that it is about, and that tells more.
    auto fatal = producer_->fatal();
    const auto reports = producer_->reports(fatal ? kLook : timeout);
    for (const auto& report : reports) {
      TRY(note(report));
      if (broken_) return {};
    }
    if (fatal && reports.empty()) return broken(std::move(*fatal));
    return {};
  }

  std::unexpected<Error> waiting(const std::string& trouble) {
    heard_ = Interrupt::Clock::now();
    return failure(std::string(kName), fmt::format("no broker has confirmed anything for {} s{}{}", kPatience.count(),
                                                   trouble.empty() ? "" : ": ", trouble));
  }

  std::unexpected<Error> broken(std::string reason) {
    broken_ = true;
    return failure(std::string(kName), std::move(reason));
  }

  Result<void> note(const KafkaReport& report) {
    heard_ = Interrupt::Clock::now();
    if (report.id < first_ || report.id >= first_ + flights_.size()) return {};
    auto& flight = flights_[report.id - first_];
    if (report.outcome == KafkaReport::Outcome::failed) return broken(report.reason);
    if (report.outcome == KafkaReport::Outcome::too_large) {
      if (!one_by_one_) {
        // Brokers refuse whole batches. To tell the message that is too large from those that were in a batch with it,
        // all that is in flight is sent again, each in a batch of its own.
        broken_ = one_by_one_ = true;
        return {};
      }
      ++flight.too_long.lines;
      flight.too_long.bytes += report.bytes;
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
    broken_ = false;
  }

  SinkParts parts_;
  const KafkaModule* module_;
  KafkaSettings settings_;
  KafkaTopics topics_;
  std::string key_;
  std::unique_ptr<KafkaProducer> producer_;
  bool broken_ = false;      // it is to be made anew
  bool one_by_one_ = false;  // a batch for each message
  std::deque<Flight> flights_;
  std::uint64_t first_ = 0;                  // number of the first of them; numbers are the messages' ids
  Interrupt::Clock::time_point heard_;       // when brokers last reported, or were last given something
  std::set<std::string, std::less<>> told_;  // queries without a topic
};

}  // namespace

std::unique_ptr<Sink> kafka_sink(const SinkParts& parts) { return std::make_unique<KafkaSink>(parts, nullptr); }

std::unique_ptr<Sink> kafka_sink(const SinkParts& parts, const KafkaModule& module) {
  return std::make_unique<KafkaSink>(parts, &module);
}

}  // namespace osprey::agent
