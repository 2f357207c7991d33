// Registry: which tables there are. A table is built when it is first asked for, so that a program that starts with
// hundreds of tables pays for those it uses.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sql/table.h"

namespace osprey::sql {

struct TableEntry {
  std::string_view name;
  Table (*make)();
};

// Thread-safe. Tables stay at their address for the registry's life.
class Registry {
 public:
  void add(std::span<const TableEntry> entries);

  // Sorted names of all tables, aliases not among them.
  std::vector<std::string_view> names() const;
  bool contains(std::string_view name) const;
  // By name; null if there is none.
  const Table* find(std::string_view name) const;
  // The same, but only if the table has been built already.
  const Table* find_built(std::string_view name) const;
  // By another name that a table declares: builds every table to know, so ask only when find() had no answer.
  const Table* find_alias(std::string_view alias) const;

 private:
  struct Slot {
    Table (*make)();
    std::unique_ptr<Table> table;
  };
  const Table* build(Slot& slot) const;

  mutable std::mutex mutex_;
  mutable std::map<std::string, Slot, std::less<>> slots_;
};

}  // namespace osprey::sql
