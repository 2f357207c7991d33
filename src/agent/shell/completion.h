// What may stand at the cursor: tables, columns, functions, keywords, dot-commands and their arguments.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/shell/line_editor_module.h"
#include "sql/registry.h"

namespace osprey::agent::shell {

class Completer {
 public:
  // `functions` are the names of SQL functions.
  Completer(const sql::Registry& registry, std::vector<std::string> functions)
      : registry_(registry), functions_(std::move(functions)) {}

  // `pending` are the lines of the statement typed before this one.
  Completion complete(std::string_view pending, std::string_view line, std::size_t cursor) const;

 private:
  Completion complete_command(std::string_view before) const;
  std::vector<std::string> columns_of(std::string_view statement, std::string_view qualifier) const;

  const sql::Registry& registry_;
  std::vector<std::string> functions_;
};

}  // namespace osprey::agent::shell
