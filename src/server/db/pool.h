// Pool: connections that are opened when needed and handed to one user at a time.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/result.h"

namespace soci {
class session;
}

namespace osprey::server::db {

// Thread-safe.
class Pool {
 public:
  using Open = std::function<Result<std::unique_ptr<soci::session>>()>;

  // Gives the session back when it goes.
  class Lease {
   public:
    Lease(Pool& pool, std::unique_ptr<soci::session> session) : pool_(&pool), session_(std::move(session)) {}
    Lease(Lease&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)), session_(std::move(other.session_)) {}
    Lease& operator=(Lease&&) = delete;
    ~Lease();

    soci::session& operator*() const { return *session_; }
    // The session is of no more use; those that wait in the pool are as old and go with it.
    void lost();

   private:
    Pool* pool_;
    std::unique_ptr<soci::session> session_;
  };

  Pool(unsigned most, std::chrono::milliseconds wait, Open open);
  ~Pool();

  // kUnavailable if all are in use for longer than one waits.
  Result<Lease> lease();

  struct Counts {
    unsigned open = 0, in_use = 0;
    std::uint64_t waits_us = 0;
  };
  Counts counts() const;

 private:
  void give_back(std::unique_ptr<soci::session> session);

  const unsigned most_;
  const std::chrono::milliseconds wait_;
  const Open open_;
  mutable std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<std::unique_ptr<soci::session>> idle_;
  unsigned in_use_ = 0;
  std::uint64_t waits_us_ = 0;
};

}  // namespace osprey::server::db
