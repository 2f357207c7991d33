// The sources that this program has, as the flags want them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/flags/flags.h"
#include "events/source.h"
#include "events/syslog/syslog_source.h"

namespace osprey::agent {

struct EventSources {
  std::vector<std::unique_ptr<events::Source>> list;  // better ones first (--events_source)
  const events::SyslogSource* syslog = nullptr;       // of the list
};

// `journal_cursor`: how far the journal was read before; empty: not at all.
EventSources event_sources(const Flags& flags, bool osquery_compatible, std::string journal_cursor);

}  // namespace osprey::agent
