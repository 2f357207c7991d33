// Rows<T>: what a table's scan returns, a coroutine that yields handles one at a time.
#pragma once

#include <coroutine>
#include <exception>
#include <utility>

namespace osprey::sql {

// The part of a scan's coroutine that does not know the handle's type.
struct RowsPromise {
  void* current = nullptr;
  std::exception_ptr exception;
};

// Owns a scan's coroutine. The handle it points to lives in the coroutine and changes with next().
class AnyRows {
 public:
  AnyRows() = default;
  AnyRows(std::coroutine_handle<> coroutine, RowsPromise* promise) : coroutine_(coroutine), promise_(promise) {}
  AnyRows(AnyRows&& other) noexcept
      : coroutine_(std::exchange(other.coroutine_, nullptr)), promise_(std::exchange(other.promise_, nullptr)) {}
  AnyRows& operator=(AnyRows&& other) noexcept {
    std::swap(coroutine_, other.coroutine_);
    std::swap(promise_, other.promise_);
    return *this;
  }
  ~AnyRows() {
    if (coroutine_) coroutine_.destroy();
  }

  // The next handle, or null at the end. Rethrows what the scan threw.
  void* next() {
    if (!coroutine_ || coroutine_.done()) return nullptr;
    coroutine_.resume();
    if (promise_->exception) std::rethrow_exception(std::exchange(promise_->exception, nullptr));
    return coroutine_.done() ? nullptr : promise_->current;
  }

 private:
  std::coroutine_handle<> coroutine_;
  RowsPromise* promise_ = nullptr;
};

template <class T>
class Rows {
 public:
  struct promise_type : RowsPromise {
    Rows get_return_object() { return Rows(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    std::suspend_always yield_value(T& handle) noexcept {
      current = &handle;
      return {};
    }
    // GCC 12 destroys aggregate temporaries in co_yield twice: yield a named local.
    std::suspend_always yield_value(T&&) = delete;
    void return_void() noexcept {}
    void unhandled_exception() noexcept { exception = std::current_exception(); }
  };

  AnyRows erase() && { return std::move(rows_); }

 private:
  explicit Rows(std::coroutine_handle<promise_type> coroutine) : rows_(coroutine, &coroutine.promise()) {}
  AnyRows rows_;
};

}  // namespace osprey::sql
