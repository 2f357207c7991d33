#include "agent/shell/printers.h"

#include "agent/shell/printers/modes.h"

namespace osprey::agent::shell {

std::string_view mode_name(Mode mode) noexcept {
  switch (mode) {
    case Mode::pretty:
      return "pretty";
    case Mode::line:
      return "line";
    case Mode::csv:
      return "csv";
    case Mode::list:
      return "list";
    case Mode::column:
      return "column";
    case Mode::json:
      return "json";
    case Mode::json_pretty:
      return "json_pretty";
  }
  return "pretty";
}

std::unique_ptr<Printer> make_printer(Mode mode, PrinterOptions options, Output& output) {
  switch (mode) {
    case Mode::pretty:
      break;
    case Mode::line:
      return line_printer(std::move(options), output);
    case Mode::csv:
      return csv_printer(std::move(options), output);
    case Mode::list:
      return list_printer(std::move(options), output);
    case Mode::column:
      return column_printer(std::move(options), output);
    case Mode::json:
      return json_printer(std::move(options), output);
    case Mode::json_pretty:
      return json_pretty_printer(std::move(options), output);
  }
  return pretty_printer(std::move(options), output);
}

}  // namespace osprey::agent::shell
