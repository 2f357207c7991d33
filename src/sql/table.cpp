#include "sql/table.h"

#include <algorithm>

namespace osprey::sql {

const Column* Table::column(std::string_view wanted) const noexcept {
  const auto found = std::ranges::find(columns, wanted, &Column::name);
  return found == columns.end() ? nullptr : &*found;
}

bool Table::in_use(std::uint64_t used, std::string_view name) const noexcept {
  for (std::size_t i = 0; i < columns.size(); ++i)
    if ((columns[i].name == name || columns[i].alias_of == name) && (used >> std::min<std::size_t>(i, 63) & 1) != 0)
      return true;
  return false;
}

}  // namespace osprey::sql
