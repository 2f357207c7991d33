#include <algorithm>

#include "agent/shell/printers/modes.h"
#include "agent/shell/printers/values.h"
#include "agent/shell/text_width.h"

namespace osprey::agent::shell {
namespace {

// One "name = value" a line, names right-aligned, a blank line between a statement's rows.
class LinePrinter final : public Printer {
 public:
  LinePrinter(PrinterOptions options, Output& output) : options_(std::move(options)), output_(output) {}

  void begin(const sql::Statement& statement) override {
    constexpr std::size_t kNarrowest = 5;
    const auto measure = options_.osquery_compatible ? Measure::code_points : Measure::cells;
    std::size_t widest = kNarrowest;
    for (std::size_t i = 0; i < statement.size(); ++i)
      widest = std::max(widest, width(statement.column_name(i), measure));
    names_.clear();
    for (std::size_t i = 0; i < statement.size(); ++i) {
      const auto name = statement.column_name(i);
      names_.push_back(std::string(widest - width(name, measure), ' ') + std::string(name) + " = ");
    }
    first_ = true;
  }

  void row(const sql::Statement& statement) override {
    auto& out = output_.buffer();
    if (!first_) out += '\n';
    first_ = false;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      out += names_[i];
      out += values_.text(statement, i);
      out += '\n';
    }
    output_.settle();
  }

  void end() override {}

 private:
  PrinterOptions options_;
  Output& output_;
  Values values_{options_};
  std::vector<std::string> names_;
  bool first_ = true;
};

}  // namespace

std::unique_ptr<Printer> line_printer(PrinterOptions options, Output& output) {
  return std::make_unique<LinePrinter>(std::move(options), output);
}

}  // namespace osprey::agent::shell
