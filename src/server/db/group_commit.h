// GroupCommit: many small writes as one. Items queue up in memory, bounded; one thread takes what is there and commits
// it in one transaction; only then is each item's giver told.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "base/result.h"

namespace osprey::server::db {

// Thread-safe. `Item` is moved in. `Item::bytes()` says what it weighs.
template <class Item>
class GroupCommit {
 public:
  struct Options {
    std::size_t most_items = 4096;        // a commit
    std::size_t most_bytes = 8 << 20;     // a commit, unless it is one item
    std::size_t queue_bytes = 64 << 20;   // waiting; beyond it add() refuses
    std::chrono::milliseconds linger{2};  // for more to come, once there is one
  };
  // On the thread of the group's. All items or, with an error, none.
  using Commit = std::function<Result<void>(std::span<Item> items)>;
  using Done = std::function<void(const Result<void>&)>;

  GroupCommit(Options options, Commit commit);
  ~GroupCommit();  // commits what is queued

  // False: the queue is full; tell the giver to come again. `done` is called once, on the group's thread.
  bool add(Item item, Done done);

 private:
  struct Waiting {
    Item item;
    Done done;
  };
  void run();
  std::size_t take(std::vector<Item>& items, std::vector<Done>& done);

  const Options options_;
  const Commit commit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Waiting> queue_;
  std::size_t queued_bytes_ = 0;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace osprey::server::db
