// Enricher: what events get beside what their source knows: the process they are about in full, its ancestors, user,
// container and unit. It keeps the process tree.
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "base/root.h"
#include "events/enrich/container_lives.h"
#include "events/enrich/containers.h"
#include "events/enrich/interfaces.h"
#include "events/enrich/name_servers.h"
#include "events/enrich/process_look.h"
#include "events/enrich/process_tree.h"
#include "events/enrich/user_names.h"
#include "events/kinds/kinds.h"

namespace osprey::events {

// Belongs to the thread that captures.
class Enricher {
 public:
  struct Options {
    std::uint64_t looks_per_second = 500;  // at /proc, for processes that no event told of
  };

  Enricher(Root root, ProcessTree& tree, const Options& options);

  // Tells the tree of every process there is; once, when the sources have been opened, so that none is missed.
  Result<std::size_t> seed();

  // The event's header must be complete. Fills what is empty in its actor; texts are valid until the next call of
  // anything here. The tree is told.
  void complete(AnyEvent event);
  // What the event that was completed last means for a container: it starts (its first program), is entered by a
  // process from outside ("exec"), or ends with its first process ("die"). Needs to be asked after every exec and exit.
  std::optional<ContainerEvent> container_event(AnyEvent event);
  // A container was made: what runs in it is known by its name.
  void learn(const ContainerEvent& made) { containers_.learn(made.container_id, made.name, made.image); }
  // What an exec that the tree has not been told of yet shows: a process that was nobody's root by all that is known of
  // it, and is root now without a setuid file or a call that made it so. To be completed after the exec.
  std::optional<PrivilegeEvent> unexplained(AnyEvent event) const;
  // Tells the tree only: of an event that nobody reads.
  void feed(AnyEvent event);
  void forked(const ProcessKey& parent, const ProcessKey& child) { tree_.fork(parent, child); }
  void exited(const ProcessKey& process) { tree_.exit(process, 0); }

  struct Counts {
    std::uint64_t looks = 0;          // at /proc
    std::uint64_t gone = 0;           // of these, what was not there any more
    std::uint64_t looks_refused = 0;  // more than are allowed in a second
  };
  const Counts& counts() const noexcept { return counts_; }

 private:
  struct KeyHash {
    std::size_t operator()(const ProcessKey& key) const noexcept {
      return std::hash<std::uint64_t>()(key.start ^ static_cast<std::uint64_t>(key.pid) << 40);
    }
  };

  template <class Event>
  void tell(Event& event);
  void tell_exec(ProcessEvent& event);
  bool may_look(std::uint64_t moment);
  bool look_at(const ProcessKey& process, std::uint64_t moment);
  std::optional<ProcessTree::Known> know(const ProcessKey& process, std::uint64_t moment);
  void fill(Actor& actor, std::uint64_t moment, bool with_cmdline);
  void fill_outside(Actor& actor, std::uint64_t moment);
  std::string container_of(const ProcessKey& process, std::uint64_t moment);
  void fill_target(PtraceEvent& event);
  void reap(std::uint64_t moment);

  Root root_;
  ProcessTree& tree_;
  const Options options_;
  std::optional<ProcessLook> look_;
  UserNames users_;
  Containers containers_;
  NameServers name_servers_;
  Interfaces interfaces_;
  ContainerLives lives_;
  Counts counts_;
  boost::unordered_flat_set<ProcessKey, KeyHash> in_vain_;  // looked at, and not there
  std::uint64_t second_ = 0;                                // in which looks_ were
  std::uint64_t looks_ = 0;
  std::uint64_t next_reap_ = 0, last_reap_ = 0;
  std::uint64_t refused_ = 0;  // by the tree, when it was last reaped
  std::string cgroup_, cmdline_;
};

}  // namespace osprey::events
