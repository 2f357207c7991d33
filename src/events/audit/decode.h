// What an event's records say, as typed events.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "events/audit/call_record.h"
#include "events/audit/calls.h"
#include "events/audit/file_calls.h"
#include "events/audit/options.h"
#include "events/audit/reassembly.h"
#include "events/source.h"
#include "events/watch/watch_patterns.h"

namespace osprey::events::audit {

inline constexpr std::size_t kArgumentsCap = 32 << 10;  // bytes of a process's arguments that are kept

// What is asked beside the records, while the process may still be there. Each may be empty.
struct Lookups {
  // Whether a clone3(2)'s new pid is a thread of its caller; empty: it is gone.
  std::function<std::optional<bool>(std::int64_t caller, std::int64_t child)> is_thread;
  // The address on our side: of a connection to an address and port, or, for port 0, of a socket bound to that address.
  struct Local {
    std::string_view address;
    std::uint16_t port = 0;
    int protocol = 0;  // IPPROTO_TCP or IPPROTO_UDP
  };
  std::function<std::optional<Local>(std::int64_t pid, std::int64_t descriptor, int family, std::string_view remote,
                                     std::uint16_t port, TextArena& arena)>
      local_side;
  // Size and times of the executable at a path, if it is still the file that the event has.
  std::function<void(std::string_view path, FileState& file)> complete;
  // The path behind a descriptor.
  std::function<std::string_view(std::int64_t pid, std::int64_t descriptor, TextArena& arena)> descriptor_path;
};

class Decoder {
 public:
  // `own_executable` is not told of where the options exclude it. Nanoseconds from the boot clock to Unix time are
  // added to get moments.
  Decoder(AuditOptions options, std::string own_executable, Lookups lookups);

  void demand(const Demand& demand);
  // Nanoseconds since 1970 at the moment 0 of the boot clock.
  void boot_at(std::int64_t nanoseconds) noexcept { boot_ = nanoseconds; }

  // Gives what the records say, and is wanted, to the sink: mostly one event.
  void decode(const RecordGroup& group, EventSink& sink);

  std::uint64_t kept() const noexcept { return kept_; }          // events of the kernel that were told
  std::uint64_t filtered() const noexcept { return filtered_; }  // those that nobody wants
  // Calls of which it could not be told whether they made a process or a thread.
  std::uint64_t unknown_forks() const noexcept { return unknown_forks_; }
  std::uint64_t damaged() const noexcept { return damaged_; }

 private:
  struct Subject;  // of one decode()
  template <class Event>
  void give(Subject& subject, Event& event);
  template <class Event>
  bool wants() const noexcept {
    return kinds_[kKind<Event>];
  }

  void call(Subject& subject);
  void exec(Subject& subject);
  void fork(Subject& subject);
  void signal(Subject& subject);
  void socket(Subject& subject);
  void module(Subject& subject);
  void trace(Subject& subject);
  void mount(Subject& subject);
  void namespaces(Subject& subject);
  void rights(Subject& subject);
  void bpf(Subject& subject, std::string_view fields);
  void user(Subject& subject, std::uint16_t type, std::string_view fields);
  void security_module(Subject& subject, std::uint16_t type, std::string_view fields);
  void seccomp(Subject& subject, std::string_view fields);
  Header header(const Stamp& stamp) const noexcept;
  bool is_watched(std::string_view path) const;

  AuditOptions options_;
  std::string own_executable_;
  Lookups lookups_;
  Demand demand_;
  Kinds kinds_;
  WatchPatterns watched_;
  std::unique_ptr<FileCalls> files_;
  std::int64_t boot_ = 0;
  TextArena arena_;
  std::uint64_t kept_ = 0, filtered_ = 0, unknown_forks_ = 0, damaged_ = 0;
};

// Of these options, which kinds can be told of.
Kinds offered(const AuditOptions& options);

}  // namespace osprey::events::audit
