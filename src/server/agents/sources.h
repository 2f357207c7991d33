// Sources: all parts of the server that have queries for hosts, as one.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "server/agents/counts.h"
#include "server/agents/query_source.h"

namespace osprey::server::agents {

// Thread-safe.
class Sources {
 public:
  Sources(std::vector<QuerySource*> sources, Counts& counts) : sources_(std::move(sources)), counts_(counts) {}

  bool has(hosts::HostId host) const;
  // The answer to a distributed read, with all that is asked of the host; what is handed out counts as asked.
  std::string take(hosts::HostId host);
  // Each gets what is its own. `done` once, when all of it is durable or, with an error, some of it is not.
  void accept(hosts::HostId host, std::vector<Answer> answers, std::function<void(const Result<void>&)> done);

 private:
  const std::vector<QuerySource*> sources_;
  Counts& counts_;
};

}  // namespace osprey::server::agents
