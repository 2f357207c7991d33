// Losses: what was dropped on purpose or by force, counted, so that nothing is lost silently (osprey_losses).
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "store/store.h"

namespace osprey::agent {

struct Loss {
  std::string source;  // a sink, a table, "store"
  std::string stage;   // where: "buffer", "differential", "queue", "kernel"
  std::string reason;  // "cap", "filesystem full", "overflow"
  std::uint64_t lost = 0;
  std::uint64_t lost_bytes = 0;
  bool exact = true;            // false: at least so many
  std::int64_t first_time = 0;  // Unix seconds
  std::int64_t last_time = 0;
  std::string worst_cgroup;
};

// Thread-safe. Counters survive restarts.
class Losses {
 public:
  // Takes over what an earlier process counted. `store` must outlive it.
  explicit Losses(store::Store& store);

  // `worst_cgroup`: whose most of it was; empty: not known.
  void add(const std::string& source, const std::string& stage, const std::string& reason, std::uint64_t lost,
           std::uint64_t bytes, bool exact = true, const std::string& worst_cgroup = {});
  std::vector<Loss> list() const;
  // Puts what has changed since it was saved last into `batch`, and counts it as saved.
  void save(store::Batch& batch);
  // Writes it, in a batch of its own; what could not be written is written the next time.
  void save();

 private:
  // Both under the lock.
  void put_changed(store::Batch& batch) const;
  void saved();

  store::Store& store_;
  mutable std::mutex mutex_;
  struct Entry {
    Loss loss;
    bool changed = false;
  };
  std::map<std::tuple<std::string, std::string, std::string>, Entry> entries_;
};

}  // namespace osprey::agent
