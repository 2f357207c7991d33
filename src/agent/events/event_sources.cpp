#include "agent/events/event_sources.h"

#include "events/bpf/bpf_source.h"
#include "events/fanotify/fanotify_source.h"
#include "events/inotify/inotify_source.h"

namespace osprey::agent {

std::vector<std::unique_ptr<events::Source>> event_sources(const Flags& flags, bool osquery_compatible) {
  // Under osquery's names each is turned on by its flag.
  const auto chosen = flags.text("events_source");
  const auto wants = [&](std::string_view name, bool by_flag) {
    return by_flag || (!osquery_compatible && (chosen == "auto" || chosen == name));
  };
  std::vector<std::unique_ptr<events::Source>> sources;
  if (wants("bpf", flags.boolean("enable_bpf_events"))) sources.push_back(events::bpf::make_bpf_source());
  // Under osquery's name they are what osquery's inotify tells, and where: of a leaf's wildcard the whole directory.
  const auto meaning =
      osquery_compatible ? events::WatchPatterns::Meaning::osquery : events::WatchPatterns::Meaning::exact;
  sources.push_back(events::fanotify_source({.meaning = meaning}));
  sources.push_back(events::inotify_source({.meaning = meaning}));
  return sources;
}

}  // namespace osprey::agent
