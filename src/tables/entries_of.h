// Reading a file of entries for a table that shows them all.
#pragma once

#include <string>
#include <vector>

#include "linux/files/parsed.h"
#include "tables/table.h"

namespace osprey::tables {

// Says, once a file, how many of its lines could not be understood; nothing if none.
inline void warn_skipped(const Scan& scan, std::string path, std::size_t lines) {
  if (lines != 0) scan.warn(failure(std::move(path), std::to_string(lines) + " lines could not be parsed").error());
}

// The entries of the file at `path`. Warns of a file that cannot be read or is too large, and of lines that are none.
template <class Entry>
std::vector<Entry> entries_of(const Scan& scan, const std::string& path,
                              linux::Parsed<Entry> (*parse)(std::string_view)) {
  const auto file = scan.take(scan.root().read(path, Root::kTextCap, scan.interrupt()));
  if (!file) return {};
  if (file->truncated) scan.warn(failure(path, "is too large, its end was not read").error());
  auto parsed = parse(file->bytes);
  warn_skipped(scan, path, parsed.skipped);
  return std::move(parsed.entries);
}

}  // namespace osprey::tables
