// What every part of the server knows of a host, from memory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace osprey::server::hosts {

// The server's own number of a host: stays over re-enrolments; never used again after a removal.
using HostId = std::int64_t;
using TagId = std::int64_t;

// A snapshot; a change makes a new one.
struct Host {
  HostId id = 0;
  std::string identifier;   // as the host gave it when it enrolled; two cloned machines have the same
  std::string name;         // shown: the host's name, else the identifier
  std::string platform;     // of os_version: "debian"; empty as long as it is unknown
  std::string version;      // the agent's
  std::vector<TagId> tags;  // ascending
};
using HostPtr = std::shared_ptr<const Host>;

}  // namespace osprey::server::hosts
