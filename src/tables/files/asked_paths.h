// What a query asks of a file table's `path` and `directory`, as a walk.
#pragma once

#include "linux/files/path_walk.h"
#include "tables/table.h"

namespace osprey::tables {

inline constexpr std::string_view kPathHelp =
    "Absolute path. With LIKE, % stands for part of one name and %% for any depth.";

// The narrowest condition decides and SQLite checks the rest: `path` by = or IN, `directory` by = or IN, `path` LIKE,
// `directory` LIKE. The walk reports to `scan`, which must outlive it.
linux::PathWalk asked_paths(const Scan& scan);

// Goes to the next entry that is a regular file or leads to one. False at the end.
bool next_regular(linux::PathWalk& walk);

}  // namespace osprey::tables
