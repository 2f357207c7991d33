// What processes do with files, from their calls: which path a descriptor stands for is kept for each process.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "events/audit/call_record.h"
#include "events/audit/calls.h"
#include "events/kinds/file_event.h"

namespace osprey::events::audit {

// Of osquery's file_paths: as the process named it, made absolute, without symbolic links looked at.
bool is_watched(std::string_view path, const std::vector<std::string>& patterns);

// Bounded: so many processes, the longest unheard of going first, and so many descriptors of each.
class FileCalls {
 public:
  static constexpr std::size_t kMostProcesses = 4096;
  static constexpr std::size_t kMostDescriptors = 1024;

  struct Options {
    bool accesses = false;  // opens, reads and closes too
    bool partial = false;   // descriptors that were there before are looked up in /proc, if they still are
    std::function<bool(std::string_view path)> watched;
  };
  explicit FileCalls(Options options) : options_(std::move(options)) {}

  // What a successful call did to a file that is watched; the event's actor is left to the caller. Empty: nothing.
  std::optional<ProcessFileEvent> see(const KnownCall& call, const CallRecord& record, const RecordGroup& group,
                                      TextArena& arena);
  std::size_t processes() const noexcept { return processes_.size(); }

 private:
  enum class Last : std::uint8_t { open, read, write };
  struct Descriptor {
    std::string path;
    Last last = Last::open;
    bool partial = false;
  };
  struct Process {
    std::map<std::int64_t, Descriptor> descriptors;
    std::list<std::int64_t>::iterator place;
  };
  struct Paths;

  Process& process_of(std::int64_t pid);
  Process* known(std::int64_t pid);
  void put(std::int64_t pid, std::int64_t descriptor, Descriptor opened);
  Descriptor* find(std::int64_t pid, std::int64_t descriptor);
  void inherit(std::int64_t parent, std::int64_t child);
  Paths paths_of(const CallRecord& record, const RecordGroup& group, TextArena& arena, int subject_at, int made_at);
  std::optional<ProcessFileEvent> on_descriptor(const CallRecord& record, std::int64_t descriptor, Last what,
                                                TextArena& arena);

  Options options_;
  std::unordered_map<std::int64_t, Process> processes_;
  std::list<std::int64_t> order_;  // least lately seen first
};

}  // namespace osprey::events::audit
