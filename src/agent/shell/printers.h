// Printers: what turns rows into text, one class a mode. Their bytes are osquery's (compat sections 1.6, 1.7).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/shell/output.h"
#include "sql/connection.h"

namespace osprey::agent::shell {

enum class Mode { pretty, line, csv, list, column, json, json_pretty };
std::string_view mode_name(Mode mode) noexcept;

struct PrinterOptions {
  std::string separator = "|";  // list and csv
  bool header = true;           // list, csv and column
  std::string null_value;       // what stands for NULL
  std::vector<int> widths;      // column; negative is right-aligned, 0 chooses
  bool typed = false;           // JSON: numbers as numbers, NULL as null
  // Behave as osquery does where we would rather not: text ends at a NUL byte, bytes that are not UTF-8 pass as they
  // are (but in JSON), widths count code points, and of columns with one name the last one's value stands for all.
  bool osquery_compatible = false;
  std::optional<std::size_t> terminal_width;  // pretty: cells are cut so that a row fits
};

// Prints the rows of one input, be it an argument, a file or a line: of several statements one after the other.
class Printer {
 public:
  virtual ~Printer() = default;
  // Another statement's rows follow. Not called for statements without columns.
  virtual void begin(const sql::Statement& statement) = 0;
  virtual void row(const sql::Statement& statement) = 0;
  // The input has ended, after an error as well.
  virtual void end() = 0;
};

// The printer writes to `output`, which must outlive it.
std::unique_ptr<Printer> make_printer(Mode mode, PrinterOptions options, Output& output);

}  // namespace osprey::agent::shell
