// ContainerLives: when containers start, are entered and end, told from the processes in them.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "events/kinds/actor.h"

namespace osprey::events {

// Bounded: the containers and those who entered them that are forgotten are started and entered anew.
class ContainerLives {
 public:
  // A process that is there already; `parent_container`: where its parent is, empty outside.
  void seed(std::string_view container, std::string_view parent_container, const ProcessKey& process);
  // It runs a program in a container. "start": the first there; "exec": it came from outside into one that runs; empty:
  // neither, it is one of the container's own.
  std::string_view ran(std::string_view container, std::string_view parent_container, const ProcessKey& process);
  // It has ended. "die": it was the container's first; else empty.
  std::string_view ended(std::string_view container, const ProcessKey& process);

 private:
  static constexpr std::size_t kMostContainers = 4096;
  static constexpr std::size_t kMostEntered = 256;

  struct Life {
    ProcessKey first;
    std::set<ProcessKey> entered;
  };
  std::map<std::string, Life, std::less<>> lives_;
};

}  // namespace osprey::events
