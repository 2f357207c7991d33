// RunMarkers: which queries are running, in the store, so that the next worker knows what the last one died of.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/schedule/death_note.h"
#include "store/store.h"

namespace osprey::agent {

// The key of the suspicion on a query.
std::string suspect_key(std::string_view name);

// Not thread-safe.
class RunMarkers {
 public:
  // A query that was running when the last worker died.
  struct Found {
    std::string name;
    bool guilty = false;  // to be denylisted; else it is a suspect
    std::string reason;
  };

  // Takes over what the last worker left, and judges it: a query that ran alone is guilty when a limit was hit, and
  // after any other death the second time in a row. The others are suspects.
  RunMarkers(store::Store& store, const std::optional<Death>& death);
  const std::vector<Found>& found() const noexcept { return found_; }

  // A suspect runs alone, until it has finished once.
  bool is_suspect(std::string_view name) const { return suspects_.contains(name); }

  void begin(const std::string& name);
  // Adds to `batch` that the query has finished, which clears it of suspicion.
  void end(const std::string& name, store::Batch& batch);
  // The watcher is about to end this process for what it uses: what runs now stays marked, come what may.
  void limit_hit();

 private:
  store::Store& store_;
  std::vector<Found> found_;
  std::set<std::string, std::less<>> suspects_;
  std::set<std::string, std::less<>> running_;
  std::set<std::string, std::less<>> condemned_;  // were running when the limit was hit
};

}  // namespace osprey::agent
