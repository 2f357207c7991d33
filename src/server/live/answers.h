// Answers of hosts, cut to what is kept of them.
#pragma once

#include <cstddef>
#include <vector>

#include "server/agents/query_source.h"
#include "server/live/records.h"
#include "server/live/running.h"

namespace osprey::server::live {

// As many rows as are wanted of a host, and fit into `most_bytes`.
Kept kept_of(const Running& query, hosts::HostId host, agents::Answer answer, std::size_t most_bytes);

// Of one host, to be written together.
struct AnswersOfHost {
  std::vector<Kept> answers;
  std::size_t bytes() const noexcept;
};

}  // namespace osprey::server::live
