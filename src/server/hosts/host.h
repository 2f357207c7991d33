// What every part of the server knows of a host, from memory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/time.h"

namespace osprey::server::hosts {

// The server's own number of a host: stays over re-enrolments; never used again after a removal.
using HostId = std::int64_t;
using TagId = std::int64_t;

// A snapshot; a change makes a new one. Texts are the host's own words, of at most kMostFact bytes; empty, and numbers
// 0, as long as they are unknown (facts.h has where each comes from).
struct Host {
  HostId id = 0;
  std::string identifier;   // as the host gave it when it enrolled; two cloned machines have the same
  std::string name;         // shown: the host's name, else the identifier
  std::string platform;     // of os_version: "debian"; empty as long as it is unknown
  std::string version;      // the agent's
  std::vector<TagId> tags;  // ascending

  std::string uuid;        // of the hardware
  std::string instance;    // of the agent's database
  std::string os;          // "Debian GNU/Linux"
  std::string os_version;  // "12 (bookworm)"
  std::string platform_like;
  std::string arch;
  std::string kernel;
  std::string vendor;
  std::string model;
  std::string serial;
  std::string cpu;
  std::string address;       // that it was last seen from, as of the last flush
  std::int64_t cpus = 0;     // hardware threads
  std::int64_t memory = 0;   // bytes
  std::int64_t promise = 0;  // seconds within which its own intervals make it speak
  Timestamp enrolled;        // first
  Timestamp enrolled_again;  // last; the same as long as it never did again

  bool operator==(const Host&) const = default;
};
using HostPtr = std::shared_ptr<const Host>;

}  // namespace osprey::server::hosts
