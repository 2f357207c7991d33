#include "agent/shell/printers/separated.h"

namespace osprey::agent::shell {
namespace {

// Values as they are.
class ListPrinter final : public SeparatedPrinter {
 public:
  using SeparatedPrinter::SeparatedPrinter;

 private:
  void name(std::string_view text) override { output_.buffer() += text; }
  void value(const sql::Statement& row, std::size_t i) override { output_.buffer() += values_.text(row, i); }
};

}  // namespace

std::unique_ptr<Printer> list_printer(PrinterOptions options, Output& output) {
  return std::make_unique<ListPrinter>(std::move(options), output);
}

}  // namespace osprey::agent::shell
