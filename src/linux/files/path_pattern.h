// Path patterns as SQL's LIKE writes them, taken apart so that a walk can follow them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace osprey::linux {

// What the wildcards of a path pattern stand for. In both, "%" stays within one level of directories and the rest of
// a pattern is case-sensitive where it names what lies on disk.
enum class PatternDialect {
  // As LIKE has it, as far as a walk can follow: "%" finds dot files too, "_" is any one character, "%%" is any depth
  // wherever it stands, and letters beside a wildcard match in either case.
  sql,
  // As osquery has it: "%" at the start of a name passes dot files by, "_" is itself, "%%" means any depth only at the
  // end and "%" elsewhere.
  osquery,
};

// Whether a text matches a LIKE pattern with "%" and, in SQL's dialect, "_".
bool matches_like(std::string_view pattern, std::string_view text, PatternDialect dialect) noexcept;

struct PathPattern {
  struct Component {
    std::string text;
    bool wild = false;
    bool any = false;  // every name, whatever the dialect makes of dots
    bool matches(std::string_view name, PatternDialect dialect) const noexcept;
  };

  std::string base;                   // as written, up to the first component with a wildcard; the whole without one
  std::vector<Component> components;  // below `base`, the first of them wild
  bool recursive = false;             // and everything below what they match
  bool directories_only = false;      // the pattern ends in "/"
  std::string filter;                 // if not empty, LIKE on the whole path decides what is wanted
};

PathPattern parse_path_pattern(std::string_view like, PatternDialect dialect);

}  // namespace osprey::linux
