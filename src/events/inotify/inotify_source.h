// The source of file events where fanotify cannot be had: inotify(7), a watch a directory.
#pragma once

#include <chrono>
#include <memory>

#include "events/source.h"
#include "events/watch/watch_patterns.h"

namespace osprey::events {

struct InotifyOptions {
  WatchPatterns::Meaning meaning = WatchPatterns::Meaning::exact;
  std::chrono::milliseconds pace{20};  // between two readings under load
};

// Needs no capability, but the right to read what is watched. Tells of nobody's process. Acts on a network filesystem
// are seen only where they come from this host.
std::unique_ptr<Source> inotify_source(const InotifyOptions& options = {});

}  // namespace osprey::events
