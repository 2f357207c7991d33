#include "sql/memory.h"

#include <sqlite3.h>

#include <algorithm>
#include <limits>

namespace osprey::sql {
namespace {

// Signed: a thread may give back what another has taken.
struct Account {
  std::int64_t held = 0;
  std::int64_t start = 0;
  std::int64_t peak = 0;
  std::int64_t most = std::numeric_limits<std::int64_t>::max();
  bool refused = false;
};
thread_local constinit Account account;

sqlite3_mem_methods beneath;  // SQLite's own

bool admit(std::int64_t change) noexcept {
  if (account.held + change <= account.most) return true;
  account.refused = true;
  return false;
}

void charge(std::int64_t change) noexcept {
  account.held += change;
  account.peak = std::max(account.peak, account.held);
}

void* allocate(int size) {
  if (!admit(size)) return nullptr;
  void* memory = beneath.xMalloc(size);
  if (memory) charge(beneath.xSize(memory));
  return memory;
}

void release(void* memory) {
  charge(-static_cast<std::int64_t>(beneath.xSize(memory)));
  beneath.xFree(memory);
}

void* resize(void* memory, int size) {
  const auto before = beneath.xSize(memory);
  if (size > before && !admit(size - before)) return nullptr;
  void* moved = beneath.xRealloc(memory, size);
  if (moved) charge(beneath.xSize(moved) - before);
  return moved;
}

}  // namespace

bool account_for_memory() {
  sqlite3_mem_methods methods;
  if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &methods) != SQLITE_OK) return false;
  if (methods.xMalloc == allocate) return true;
  beneath = methods;
  methods.xMalloc = allocate;
  methods.xFree = release;
  methods.xRealloc = resize;
  // SQLite's own count of all threads' memory would cost a lock at each allocation.
  return sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) == SQLITE_OK &&
         sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) == SQLITE_OK;
}

MemoryBudget::MemoryBudget(std::optional<std::uint64_t> most) {
  account.start = account.peak = account.held;
  account.refused = false;
  if (most) account.most = account.held + static_cast<std::int64_t>(*most);
}

MemoryBudget::~MemoryBudget() { account.most = std::numeric_limits<std::int64_t>::max(); }

std::uint64_t MemoryBudget::peak() const noexcept { return static_cast<std::uint64_t>(account.peak - account.start); }

bool MemoryBudget::exceeded() const noexcept { return account.refused; }

}  // namespace osprey::sql
