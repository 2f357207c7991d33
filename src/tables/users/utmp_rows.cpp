#include "tables/users/utmp_rows.h"

namespace osprey::tables {

std::optional<linux::UtmpRecord> next_record(const Scan& scan, linux::UtmpFile& file, std::string_view path) {
  auto next = scan.take(file.next(scan.interrupt()));
  if (!next) return std::nullopt;
  if (*next) return std::move(*next);
  if (file.beyond_cap()) {
    scan.warn(failure(std::string(path), "larger than what is read of it").error());
  } else if (file.left_over() != 0) {
    scan.warn(failure(std::string(path), "ends within a record").error());
  }
  return std::nullopt;
}

}  // namespace osprey::tables
