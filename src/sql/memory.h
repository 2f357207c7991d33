// What SQLite's memory costs a thread, and a bound on it, so that a query that eats memory fails alone.
#pragma once

#include <cstdint>
#include <optional>

namespace osprey::sql {

// From now on SQLite's memory is accounted by thread. To be called before anything else of SQLite is; false: SQLite is
// at work already and nothing is accounted. A program that bounds no query's memory does not call it.
bool account_for_memory();

// A query's share, exact to the byte of SQLite's own allocator (what tables hold outside of SQLite is not in it). One
// at a time on a thread; what the thread's connections held before does not count.
class MemoryBudget {
 public:
  // Beyond `most` bytes SQLite is refused memory: the query fails with SQLITE_NOMEM.
  explicit MemoryBudget(std::optional<std::uint64_t> most);
  ~MemoryBudget();
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  // The most bytes held at a time since the budget began.
  std::uint64_t peak() const noexcept;
  // SQLite was refused memory.
  bool exceeded() const noexcept;
};

}  // namespace osprey::sql
