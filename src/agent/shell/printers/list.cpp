#include "agent/shell/printers/modes.h"
#include "agent/shell/printers/values.h"

namespace osprey::agent::shell {
namespace {

// Values with the separator between them, below a line of names.
class ListPrinter final : public Printer {
 public:
  ListPrinter(PrinterOptions options, Output& output) : options_(std::move(options)), output_(output) {}

  void begin(const sql::Statement&) override { header_due_ = options_.header; }

  void row(const sql::Statement& statement) override {
    auto& out = output_.buffer();
    if (header_due_) {
      for (std::size_t i = 0; i < statement.size(); ++i) {
        if (i) out += options_.separator;
        out += statement.column_name(i);
      }
      out += '\n';
      header_due_ = false;
    }
    for (std::size_t i = 0; i < statement.size(); ++i) {
      if (i) out += options_.separator;
      out += values_.text(statement, i);
    }
    out += '\n';
    output_.settle();
  }

  void end() override {}

 private:
  PrinterOptions options_;
  Output& output_;
  Values values_{options_};
  bool header_due_ = true;
};

}  // namespace

std::unique_ptr<Printer> list_printer(PrinterOptions options, Output& output) {
  return std::make_unique<ListPrinter>(std::move(options), output);
}

}  // namespace osprey::agent::shell
