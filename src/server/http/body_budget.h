// BodyBudget: how much memory all request bodies together may hold.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace osprey::server::http {

// Thread-safe.
class BodyBudget {
 public:
  // What one body holds of it; given back with it.
  class Share {
   public:
    Share() = default;
    explicit Share(BodyBudget& budget) : budget_(&budget) {}
    Share(Share&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    Share& operator=(Share&& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Share() {
      if (budget_ != nullptr) budget_->used_ -= bytes_;
    }
    // False: there is not so much left.
    bool grow(std::size_t bytes) {
      if (budget_ == nullptr) return true;
      const auto more = static_cast<std::int64_t>(bytes);
      if ((budget_->used_ += more) > budget_->limit_) {
        budget_->used_ -= more;
        return false;
      }
      bytes_ += more;
      return true;
    }

   private:
    BodyBudget* budget_ = nullptr;
    std::int64_t bytes_ = 0;
  };

  // `used` counts what is held.
  BodyBudget(std::atomic<std::int64_t>& used, std::size_t limit)
      : used_(used), limit_(static_cast<std::int64_t>(limit)) {}

 private:
  std::atomic<std::int64_t>& used_;
  std::int64_t limit_;
};

}  // namespace osprey::server::http
