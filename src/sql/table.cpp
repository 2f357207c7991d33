#include "sql/table.h"

#include <algorithm>

namespace osprey::sql {

const Column* Table::column(std::string_view wanted) const noexcept {
  const auto found = std::ranges::find(columns, wanted, &Column::name);
  return found == columns.end() ? nullptr : &*found;
}

}  // namespace osprey::sql
