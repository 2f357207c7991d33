// The sources that this program has, as the flags want them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/flags/flags.h"
#include "events/audit/audit_source.h"
#include "events/source.h"
#include "events/syslog/syslog_source.h"
#include "events/yara/yara_source.h"

namespace osprey::agent {

struct SourceSettings {
  const Flags& flags;
  bool osquery_compatible = false;
  std::string journal_cursor;         // how far journald's journal was read before; empty: not at all
  linux::IoBudget* budget = nullptr;  // may be null
};

struct EventSources {
  std::vector<std::unique_ptr<events::Source>> list;  // better ones first (--events_source)
  // Of the list.
  const events::SyslogSource* syslog = nullptr;
  const events::audit::AuditSource* audit = nullptr;  // null where it is not wanted
  events::YaraSource* yara = nullptr;
};

EventSources event_sources(SourceSettings settings);

}  // namespace osprey::agent
