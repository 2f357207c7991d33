#include "sql/registry.h"

#include <algorithm>

namespace osprey::sql {

void Registry::add(std::span<const TableEntry> entries) {
  const std::lock_guard lock(mutex_);
  for (const auto& entry : entries) slots_.emplace(entry.name, Slot{entry.make, nullptr});
}

std::vector<std::string_view> Registry::names() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string_view> names;
  names.reserve(slots_.size());
  for (const auto& [name, slot] : slots_) names.push_back(name);
  return names;
}

bool Registry::contains(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  return slots_.contains(name);
}

const Table* Registry::build(Slot& slot) const {
  if (!slot.table) slot.table = std::make_unique<Table>(slot.make());
  return slot.table.get();
}

const Table* Registry::find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = slots_.find(name);
  return found == slots_.end() ? nullptr : build(found->second);
}

const Table* Registry::find_built(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = slots_.find(name);
  return found == slots_.end() ? nullptr : found->second.table.get();
}

const Table* Registry::find_alias(std::string_view alias) const {
  const std::lock_guard lock(mutex_);
  for (auto& [name, slot] : slots_) {
    const auto* table = build(slot);
    if (std::ranges::find(table->aliases, alias) != table->aliases.end()) return table;
  }
  return nullptr;
}

}  // namespace osprey::sql
