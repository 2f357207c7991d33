#include "events/enrich/container_lives.h"

namespace osprey::events {

void ContainerLives::seed(std::string_view container, std::string_view parent_container, const ProcessKey& process) {
  if (container.empty() || container == parent_container) return;
  const auto [life, is_new] = lives_.try_emplace(std::string(container), Life{process, {}});
  if (is_new) return;
  // The oldest of those who came from outside is the first.
  auto other = process;
  if (process.start < life->second.first.start) std::swap(other, life->second.first);
  if (life->second.entered.size() < kMostEntered) life->second.entered.insert(other);
}

std::string_view ContainerLives::ran(std::string_view container, std::string_view parent_container,
                                     const ProcessKey& process) {
  if (container.empty()) return {};
  const auto known = lives_.find(container);
  if (known == lives_.end()) {
    if (lives_.size() >= kMostContainers) lives_.clear();
    lives_.emplace(container, Life{process, {}});
    return "start";
  }
  Life& life = known->second;
  if (container == parent_container || process == life.first) return {};
  if (life.entered.size() >= kMostEntered) life.entered.clear();
  return life.entered.insert(process).second ? "exec" : "";
}

std::string_view ContainerLives::ended(std::string_view container, const ProcessKey& process) {
  const auto known = lives_.find(container);
  if (known == lives_.end()) return {};
  if (process != known->second.first) {
    known->second.entered.erase(process);
    return {};
  }
  lives_.erase(known);
  return "die";
}

}  // namespace osprey::events
