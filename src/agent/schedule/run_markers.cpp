#include "agent/schedule/run_markers.h"

#include <fmt/format.h>

#include <map>

#include "base/text.h"

namespace osprey::agent {
namespace {

using store::Family;

constexpr std::string_view kRunning = "running.";
constexpr std::string_view kSuspect = "suspect.";
constexpr std::string_view kLimit = "limit";  // a marker's value: the watcher said so before it ended the worker

std::string running_key(std::string_view name) { return fmt::format("{}{}", kRunning, name); }

// Names and values of the keys that begin with `prefix`.
std::map<std::string, std::string> all(const store::Store& store, std::string_view prefix) {
  std::map<std::string, std::string> found;
  const auto last = store::prefix_end(prefix);
  for (const auto cursor = store.cursor(Family::configuration, prefix, last); cursor->valid(); cursor->next())
    found.emplace(cursor->key().substr(prefix.size()), cursor->value());
  return found;
}

}  // namespace

std::string suspect_key(std::string_view name) { return fmt::format("{}{}", kSuspect, name); }

RunMarkers::RunMarkers(store::Store& store, const std::optional<Death>& death) : store_(store) {
  const auto suspicions = all(store, kSuspect);
  for (const auto& [name, deaths] : suspicions) suspects_.insert(name);
  const auto running = all(store, kRunning);
  store::Batch batch;
  for (const auto& [name, mark] : running) {
    const auto before = suspicions.find(name);
    const auto deaths = before == suspicions.end() ? 0 : parse<unsigned>(before->second).value_or(0);
    const bool limit = mark == kLimit || (death && death->by_limit());
    const bool guilty = running.size() == 1 && (limit || deaths > 0);
    const auto cause = death ? to_text(*death) : limit ? std::string(kLimit) : "unknown cause";
    found_.push_back({name, guilty, fmt::format("the agent died while it ran ({})", cause)});
    batch.erase(Family::configuration, running_key(name));
    if (guilty) {
      suspects_.erase(name);
      batch.erase(Family::configuration, suspect_key(name));
    } else {
      suspects_.insert(name);
      batch.put(Family::configuration, suspect_key(name), fmt::format("{}", deaths + 1));
    }
  }
  if (!batch.empty()) static_cast<void>(store_.write(batch));
}

void RunMarkers::begin(const std::string& name) {
  running_.insert(name);
  store::Batch batch;
  batch.put(Family::configuration, running_key(name), {});
  // Without room in the store it runs unmarked: better than not at all.
  static_cast<void>(store_.write(batch));
}

void RunMarkers::end(const std::string& name, store::Batch& batch) {
  running_.erase(name);
  if (condemned_.contains(name)) return;
  batch.erase(Family::configuration, running_key(name));
  if (suspects_.erase(name) > 0) batch.erase(Family::configuration, suspect_key(name));
}

void RunMarkers::limit_hit() {
  store::Batch batch;
  for (const auto& name : running_) batch.put(Family::configuration, running_key(name), kLimit);
  condemned_.insert(running_.begin(), running_.end());
  static_cast<void>(store_.write(batch));
}

}  // namespace osprey::agent
