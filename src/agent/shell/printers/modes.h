// One maker a mode; make_printer() chooses.
#pragma once

#include "agent/shell/printers.h"

namespace osprey::agent::shell {

std::unique_ptr<Printer> pretty_printer(PrinterOptions options, Output& output);
std::unique_ptr<Printer> line_printer(PrinterOptions options, Output& output);
std::unique_ptr<Printer> list_printer(PrinterOptions options, Output& output);
std::unique_ptr<Printer> csv_printer(PrinterOptions options, Output& output);
std::unique_ptr<Printer> column_printer(PrinterOptions options, Output& output);
std::unique_ptr<Printer> json_printer(PrinterOptions options, Output& output);
std::unique_ptr<Printer> json_pretty_printer(PrinterOptions options, Output& output);

}  // namespace osprey::agent::shell
