#include "server/db/pool.h"

#include <soci/soci.h>

#include "server/db/database.h"

namespace osprey::server::db {

using std::chrono::steady_clock;

Pool::Lease::~Lease() {
  if (pool_) pool_->give_back(std::move(session_));
}

void Pool::Lease::lost() {
  session_.reset();
  std::vector<std::unique_ptr<soci::session>> old;
  std::lock_guard lock(pool_->mutex_);
  old.swap(pool_->idle_);
}

Pool::Pool(unsigned most, std::chrono::milliseconds wait, Open open)
    : most_(most), wait_(wait), open_(std::move(open)) {}

Pool::~Pool() = default;

Result<Pool::Lease> Pool::lease() {
  std::unique_ptr<soci::session> session;
  {
    std::unique_lock lock(mutex_);
    const auto start = steady_clock::now();
    if (!freed_.wait_for(lock, wait_, [&] { return in_use_ < most_; }))
      return std::unexpected(Error{kUnavailable, "database", "all connections are in use"});
    waits_us_ += std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - start).count();
    ++in_use_;
    if (!idle_.empty()) {
      session = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (!session) {
    auto opened = open_();
    if (!opened) {
      give_back(nullptr);
      return std::unexpected(std::move(opened.error()));
    }
    session = std::move(*opened);
  }
  return Lease(*this, std::move(session));
}

void Pool::give_back(std::unique_ptr<soci::session> session) {
  {
    std::lock_guard lock(mutex_);
    --in_use_;
    if (session) idle_.push_back(std::move(session));
  }
  freed_.notify_one();
}

Pool::Counts Pool::counts() const {
  std::lock_guard lock(mutex_);
  return {static_cast<unsigned>(idle_.size()) + in_use_, in_use_, waits_us_};
}

}  // namespace osprey::server::db
