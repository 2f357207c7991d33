// What list and csv have in common: a line of names before a statement's first row, values with a separator between.
#pragma once

#include "agent/shell/printers/modes.h"
#include "agent/shell/printers/values.h"

namespace osprey::agent::shell {

class SeparatedPrinter : public Printer {
 public:
  SeparatedPrinter(PrinterOptions options, Output& output) : options_(std::move(options)), output_(output) {}

  void begin(const sql::Statement&) final { header_due_ = options_.header; }

  void row(const sql::Statement& statement) final {
    auto& out = output_.buffer();
    if (header_due_) {
      for (std::size_t i = 0; i < statement.size(); ++i) {
        if (i) out += options_.separator;
        name(statement.column_name(i));
      }
      out += '\n';
      header_due_ = false;
    }
    for (std::size_t i = 0; i < statement.size(); ++i) {
      if (i) out += options_.separator;
      value(statement, i);
    }
    out += '\n';
    output_.settle();
  }

  void end() final {}

 protected:
  // Append to the output's buffer.
  virtual void name(std::string_view text) = 0;
  virtual void value(const sql::Statement& row, std::size_t i) = 0;

  PrinterOptions options_;
  Output& output_;
  Values values_{options_};

 private:
  bool header_due_ = true;
};

}  // namespace osprey::agent::shell
