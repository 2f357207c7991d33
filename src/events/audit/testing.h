// For tests: a recording's events, kept.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "events/journal/record.h"
#include "events/replay/audit_replay.h"

namespace osprey::events::audit::testing {

// Keeps each event as its record in the journal, so that its texts live on.
class KeepingSink final : public EventSink {
 public:
  void take(AnyEvent event) override {
    std::visit(
        [this]<class Event>(Event* one) {
          auto& records = records_[kKind<Event>];
          encode(*one, records.emplace_back());
        },
        event);
  }
  void forked(const ProcessKey&, const ProcessKey&) override {}
  void exited(const ProcessKey&) override {}

  template <class Event>
  std::vector<Event> all() const {
    std::vector<Event> events;
    for (const auto& record : records_[kKind<Event>]) events.push_back(*events::decode<Event>(record));
    return events;
  }

 private:
  std::array<std::vector<std::string>, kKinds> records_;
};

inline Demand everything() {
  Demand demand;
  demand.kinds.set();
  demand.execs = demand.forks = demand.kills = true;
  return demand;
}

inline AuditOptions all_options() {
  AuditOptions options;
  options.allow_config = options.sockets = options.fork_process_events = options.kill_process_events = true;
  options.unix_sockets = options.file_events = options.show_accesses = true;
  options.selinux_events = options.apparmor_events = options.seccomp_events = true;
  return options;
}

// Lines of a log told to a sink.
inline KeepingSink told(std::string_view lines, const AuditOptions& options = all_options(),
                        const Demand& demand = everything(), Lookups lookups = {}) {
  KeepingSink sink;
  Decoder decoder(options, "", std::move(lookups));
  decoder.demand(demand);
  Reassembly reassembly([&](const RecordGroup& group) { decoder.decode(group, sink); });
  for (const auto line : Lines(lines))
    if (const auto record = parse_log_line(line)) reassembly.add(*record);
  reassembly.flush();
  return sink;
}

// Of tests/events/audit.
inline KeepingSink replayed(std::string_view name, const AuditOptions& options = all_options(),
                            const Demand& demand = everything()) {
  KeepingSink sink;
  AuditReplay replay(std::string(OSPREY_TESTS_DIRECTORY) + "/events/audit/" + std::string(name), options);
  EXPECT_TRUE(replay.open(demand));
  for (;;) {
    const auto more = replay.next(sink, 10);
    EXPECT_TRUE(more) << more.error().text();
    if (!more || !*more) return sink;
  }
}

}  // namespace osprey::events::audit::testing
