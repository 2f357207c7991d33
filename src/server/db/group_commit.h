// GroupCommit: many small writes as one. Items queue up in memory, bounded; one thread takes what is there and commits
// it in one transaction; only then is each item's giver told.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <span>
#include <thread>
#include <utility>
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
  // On the thread of the group's. All items or, with an error, none. An error is told to all; what to try again is the
  // giver's to decide.
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
  void take(std::vector<Item>& items, std::vector<Done>& done);

  const Options options_;
  const Commit commit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Waiting> queue_;
  std::size_t queued_bytes_ = 0;
  bool ending_ = false;
  std::thread thread_;
};

template <class Item>
GroupCommit<Item>::GroupCommit(Options options, Commit commit)
    : options_(options), commit_(std::move(commit)), thread_([this] { run(); }) {}

template <class Item>
GroupCommit<Item>::~GroupCommit() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

template <class Item>
bool GroupCommit<Item>::add(Item item, Done done) {
  const std::size_t bytes = item.bytes();
  {
    std::lock_guard lock(mutex_);
    // One that is larger than the whole queue passes when it is alone.
    if (ending_ || (!queue_.empty() && queued_bytes_ + bytes > options_.queue_bytes)) return false;
    queued_bytes_ += bytes;
    queue_.push_back({std::move(item), std::move(done)});
  }
  changed_.notify_one();
  return true;
}

template <class Item>
void GroupCommit<Item>::run() {
  while (true) {
    std::vector<Item> items;
    std::vector<Done> done;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return ending_ || !queue_.empty(); });
      if (queue_.empty()) return;
      changed_.wait_for(lock, options_.linger, [&] {
        return ending_ || queue_.size() >= options_.most_items || queued_bytes_ >= options_.most_bytes;
      });
      take(items, done);
    }
    const Result<void> result = commit_(items);
    for (const Done& tell : done) tell(result);
  }
}

// With the lock held; at least one.
template <class Item>
void GroupCommit<Item>::take(std::vector<Item>& items, std::vector<Done>& done) {
  std::size_t bytes = 0;
  while (!queue_.empty() && items.size() < options_.most_items) {
    const std::size_t next = queue_.front().item.bytes();
    if (!items.empty() && bytes + next > options_.most_bytes) break;
    bytes += next;
    items.push_back(std::move(queue_.front().item));
    done.push_back(std::move(queue_.front().done));
    queue_.pop_front();
  }
  queued_bytes_ -= bytes;
}

}  // namespace osprey::server::db
