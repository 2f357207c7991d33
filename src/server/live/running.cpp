#include "server/live/running.h"

namespace osprey::server::live {

RunningPtr RunningQueries::find(std::int64_t query) const {
  const std::scoped_lock lock(mutex_);
  const auto found = queries_.find(query);
  return found == queries_.end() ? nullptr : found->second;
}

std::vector<RunningPtr> RunningQueries::all() const {
  std::vector<RunningPtr> queries;
  const std::scoped_lock lock(mutex_);
  for (const auto& [id, query] : queries_) queries.push_back(query);
  return queries;
}

std::pair<RunningPtr, bool> RunningQueries::add(RunningPtr query) {
  const std::scoped_lock lock(mutex_);
  const auto [at, first] = queries_.emplace(query->id, query);
  if (first) ++count_;
  return {at->second, first};
}

bool RunningQueries::end(std::int64_t query) {
  const std::scoped_lock lock(mutex_);
  const auto found = queries_.find(query);
  if (found == queries_.end()) return false;
  found->second->ended = true;
  queries_.erase(found);
  --count_;
  return true;
}

}  // namespace osprey::server::live
