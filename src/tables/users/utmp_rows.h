// Login records as the tables over them take them: what is wrong with the file becomes a warning.
#pragma once

#include <optional>
#include <string_view>

#include "linux/files/utmp.h"
#include "tables/table.h"

namespace osprey::tables {

// The next record of `file`; empty at its end, where a cut record or the cap is reported.
std::optional<linux::UtmpRecord> next_record(const Scan& scan, linux::UtmpFile& file, std::string_view path);

}  // namespace osprey::tables
