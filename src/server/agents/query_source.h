// QuerySource: a part of the server that has queries for hosts, asked and answered through distributed reads and
// writes: live queries, details, rules of tags. HeldReads: how it tells that there is something now.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/hosts/host.h"

namespace osprey::server::agents {

struct Ask {
  std::string id;  // begins with the source's prefix
  std::string sql;
  std::string discovery = {};  // runs only if this gives a row; empty: always
};

struct Answer {
  std::string id;
  bool failed = false;
  std::string message;  // why, or a warning beside rows
  std::string rows;     // JSON: an array of objects, values of text; "[]" if there are none
  std::string stats;    // JSON object; "{}" if there are none
};

// Thread-safe.
class QuerySource {
 public:
  virtual ~QuerySource() = default;
  virtual std::string_view prefix() const = 0;  // "live:"; no prefix begins with another
  // From memory, never waits; on the listener's thread at each read.
  virtual bool has(hosts::HostId host) const = 0;
  // From memory, on the listener's thread; what is handed out counts as asked. `accelerate`: in how many seconds more
  // will come, so that a host that polls should do so quickly.
  virtual void take(hosts::HostId host, std::vector<Ask>& asks, std::uint32_t& accelerate) = 0;
  // All answers of one write that are this source's, some of which it may never have asked for: these are dropped and
  // counted. `done` once they are durable (or with an error: the host is to send them again). On a worker.
  virtual void accept(hosts::HostId host, std::vector<Answer> answers,
                      std::function<void(const Result<void>&)> done) = 0;
};

// Reads that wait for a query. Thread-safe.
class HeldReads {
 public:
  virtual ~HeldReads() = default;
  // Some source has something for these hosts: reads of theirs that are held here are answered, by calls of has() and
  // take() on this very thread: not under a lock that these want.
  virtual void wake(std::span<const hosts::HostId> hosts) = 0;
};

}  // namespace osprey::server::agents
