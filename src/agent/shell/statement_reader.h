// Cutting input lines into statements.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace osprey::agent::shell {

// Whether there is nothing but white space and comments in `sql`.
bool is_blank_sql(std::string_view sql);

// Gathers lines until they end in a complete statement (or several). A line that is complete runs as one input, as
// osquery's does.
class StatementReader {
 public:
  // Adds a line without its line end; returns what is to be run, if that completes it.
  std::optional<std::string> add(std::string_view line);
  // What is left at the end of the input; empty if it is blank.
  std::string take_rest();
  // Drops what has gathered.
  void clear() { pending_.clear(); }

  std::string_view text() const noexcept { return pending_; }
  bool pending() const noexcept { return !pending_.empty(); }
  // The line, counted from 1, on which the text returned last, or that is pending, began.
  std::size_t first_line() const noexcept { return first_line_; }
  // Counts a line that was not given to add().
  void skip_line() noexcept { ++line_; }

 private:
  std::string pending_;
  std::size_t line_ = 0;
  std::size_t first_line_ = 1;
};

}  // namespace osprey::agent::shell
