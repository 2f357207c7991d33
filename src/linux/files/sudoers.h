// Who may do what as whom: sudoers(5), in the simple form of a first word and the rest of each line.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/interrupt.h"
#include "base/result.h"
#include "base/root.h"

namespace osprey::linux {

struct SudoersLine {
  std::string header;   // the first word: a user, "%group", "Defaults", "User_Alias", "@includedir"…
  std::string details;  // the rest; lines ending in a backslash are joined with the next

  bool includes_file() const noexcept { return header == "#include" || header == "@include"; }
  bool includes_folder() const noexcept { return header == "#includedir" || header == "@includedir"; }
};

// Comments and blank lines are left out, as are includes that name nothing.
std::vector<SudoersLine> parse_sudoers(std::string_view text);

struct SudoersRule {
  std::string source;  // the file that the line is in
  SudoersLine line;
};

// The lines of `path` and all that it includes, each include followed by what it brought in. Files that include
// themselves, and more than a bounded number of files, are not read. What cannot be read goes to `warn`.
std::vector<SudoersRule> read_sudoers(const Root& root, const std::string& path, const Interrupt& interrupt,
                                      const std::function<void(const Error&)>& warn);

}  // namespace osprey::linux
