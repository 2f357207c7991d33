// What it costs to make events of audit's records, from the socket's bytes to the journal's.
//
//   build/bench/audit_bench [seconds] [recording]
//
// By default the plain exec of tests/events/audit/executions.txt, told again and again as eight records of the
// kernel's.
#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/text.h"
#include "events/audit/decode.h"
#include "events/audit/record_queue.h"
#include "events/journal/record.h"

namespace {

using namespace osprey;
using namespace osprey::events;

class JournalBytes final : public EventSink {
 public:
  void take(AnyEvent event) override {
    record_.clear();
    std::visit([this](auto* one) { encode(*one, record_); }, event);
    bytes += record_.size();
    ++events;
  }
  void forked(const ProcessKey&, const ProcessKey&) override {}
  void exited(const ProcessKey&) override {}

  std::uint64_t events = 0, bytes = 0;

 private:
  std::string record_;
};

struct Recorded {
  std::uint16_t type;
  std::string text;  // as the kernel sends it, but for the serial number
};

// The first `most` events of a recording.
std::vector<std::vector<Recorded>> events_of(const std::string& path, std::size_t most) {
  std::ifstream file(path);
  std::vector<std::vector<Recorded>> events;
  std::uint64_t serial = 0;
  for (std::string line; std::getline(file, line);) {
    const auto record = audit::parse_log_line(line);
    if (!record) continue;
    if (events.empty() || record->stamp.serial != serial) {
      if (events.size() == most) break;
      events.emplace_back();
    }
    serial = record->stamp.serial;
    events.back().push_back({record->type, std::string(record->fields)});
  }
  return events;
}

double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_utime.tv_sec) + static_cast<double>(used.ru_utime.tv_usec) / 1e6;
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::stod(argv[1]) : 3;
  const bool plain = argc < 3;
  const auto events = events_of(plain ? "tests/events/audit/executions.txt" : argv[2], plain ? 1 : 1000);
  if (events.empty()) {
    fmt::print(stderr, "no recording: run it from the top of the tree\n");
    return 1;
  }
  audit::AuditOptions options;
  options.sockets = options.unix_sockets = options.fork_process_events = options.kill_process_events = true;
  Demand demand;
  demand.kinds.set();
  demand.execs = demand.forks = demand.kills = true;
  JournalBytes sink;
  audit::Decoder decoder(options, "", {});
  decoder.demand(demand);
  audit::Reassembly reassembly([&](const audit::RecordGroup& group) { decoder.decode(group, sink); });

  audit::RecordBatch batch;
  std::uint64_t serial = 1, records = 0, told = 0;
  double used = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (std::chrono::steady_clock::now() < end) {
    batch.clear();
    for (int i = 0; i < 200; ++i)
      for (const auto& event : events) {
        ++serial;
        ++told;
        for (const auto& record : event)
          batch.add(record.type, fmt::format("audit({}.{:03}:{}): {}", 1'700'000'000 + serial / 60'000,
                                             serial / 60 % 1000, serial, record.text));
      }
    const auto before = cpu_seconds();
    std::uint16_t type = 0;
    for (std::string_view text; batch.take(type, text); ++records)
      if (const auto record = audit::parse_record(type, text)) reassembly.add(*record);
    used += cpu_seconds() - before;
  }
  fmt::print("{} events, {} records, {} bytes for the journal: {:.2f} µs of CPU an event, {:.2f} a record; {} told\n",
             told, records, sink.bytes, used / static_cast<double>(told) * 1e6,
             used / static_cast<double>(records) * 1e6, sink.events);
}
