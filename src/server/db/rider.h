// Rider: something that is written in the same transaction as what a handler writes, without the handler's knowing. It
// boards the first transaction that its thread begins while it lives, and if that is rolled back the next; once it has
// arrived it is done.
#pragma once

#include <functional>

#include "base/result.h"

namespace osprey::server::db {

class Transaction;

// One at a time a thread.
class Rider {
 public:
  // May be called several times, as the work of Database::write is. An error rolls back.
  using Board = std::function<Result<void>(Transaction&)>;
  explicit Rider(Board board);
  ~Rider();
  Rider(const Rider&) = delete;
  Rider& operator=(const Rider&) = delete;

  // The transaction that it was in is committed.
  bool arrived() const noexcept { return arrived_; }

  // Database::write tells.
  static Result<void> board(Transaction& transaction);
  static void arrive() noexcept;

 private:
  const Board board_;
  bool arrived_ = false;
};

}  // namespace osprey::server::db
