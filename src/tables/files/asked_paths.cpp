#include "tables/files/asked_paths.h"

namespace osprey::tables {
namespace {

std::optional<std::string> asked_like(const Scan& scan, std::string_view column) {
  auto patterns = scan.patterns(column);
  for (auto& pattern : patterns)
    if (pattern.kind == sql::Pattern::Kind::like) return std::move(pattern.text);
  for (auto& pattern : patterns)
    scan.warn({0, std::move(pattern.text), "GLOB and REGEXP do not say where to look: add a condition with = or LIKE"});
  return std::nullopt;
}

}  // namespace

linux::PathWalk asked_paths(const Scan& scan) {
  linux::PathWalk::Options options;
  options.dialect = scan.osquery_compatible() ? linux::PatternDialect::osquery : linux::PatternDialect::sql;
  options.interrupt = &scan.interrupt();
  options.budget = scan.service<linux::IoBudget>();
  options.on_error = [&scan](const Error& error) { scan.warn(error); };
  linux::PathWalk walk(scan.root(), std::move(options));
  if (auto paths = scan.texts("path")) {
    for (auto& path : *paths) walk.add_path(std::move(path));
  } else if (auto directories = scan.texts("directory")) {
    for (auto& directory : *directories) walk.add_directory(std::move(directory));
  } else if (const auto path = asked_like(scan, "path")) {
    walk.add_pattern(*path);
  } else if (const auto directory = asked_like(scan, "directory")) {
    walk.add_directory_pattern(*directory);
  }
  return walk;
}

bool next_regular(linux::PathWalk& walk) {
  while (walk.next()) {
    const auto type = walk.type();
    if (type == S_IFREG) return true;
    if (type == S_IFLNK && walk.facts() && S_ISREG(walk.facts()->stx_mode)) return true;
  }
  return false;
}

}  // namespace osprey::tables
