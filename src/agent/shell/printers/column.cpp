#include <algorithm>
#include <cstdlib>

#include "agent/shell/printers/modes.h"
#include "agent/shell/printers/values.h"
#include "agent/shell/text_width.h"

namespace osprey::agent::shell {
namespace {

// Columns of a fixed width, chosen by the first row, values cut to it.
class ColumnPrinter final : public Printer {
 public:
  ColumnPrinter(PrinterOptions options, Output& output) : options_(std::move(options)), output_(output) {}

  void begin(const sql::Statement&) override { first_ = true; }

  void row(const sql::Statement& statement) override {
    if (first_) start(statement);
    first_ = false;
    for (std::size_t i = 0; i < columns_.size(); ++i) cell(i, values_.text(statement, i));
    output_.settle();
  }

  void end() override {}

 private:
  struct Column {
    std::size_t width;
    bool right;
  };

  void start(const sql::Statement& statement) {
    constexpr std::size_t kNarrowest = 10;
    columns_.clear();
    for (std::size_t i = 0; i < statement.size(); ++i) {
      const int asked = i < options_.widths.size() ? options_.widths[i] : 0;
      const auto chosen = std::max(
          {kNarrowest, width(statement.column_name(i), measure()), width(values_.text(statement, i), measure())});
      columns_.push_back({asked ? static_cast<std::size_t>(std::abs(asked)) : chosen, asked < 0});
    }
    if (!options_.header) return;
    for (std::size_t i = 0; i < columns_.size(); ++i) cell(i, statement.column_name(i));
    for (std::size_t i = 0; i < columns_.size(); ++i) cell(i, std::string(columns_[i].width, '-'));
  }

  void cell(std::size_t i, std::string_view text) {
    auto& out = output_.buffer();
    const auto& column = columns_[i];
    text = start_of(text, column.width, measure());
    const std::size_t padding = column.width - width(text, measure());
    if (column.right) out.append(padding, ' ');
    out += text;
    if (!column.right) out.append(padding, ' ');
    out += i + 1 == columns_.size() ? "\n" : "  ";
  }

  Measure measure() const { return options_.osquery_compatible ? Measure::code_points : Measure::cells; }

  PrinterOptions options_;
  Output& output_;
  Values values_{options_};
  std::vector<Column> columns_;
  bool first_ = true;
};

}  // namespace

std::unique_ptr<Printer> column_printer(PrinterOptions options, Output& output) {
  return std::make_unique<ColumnPrinter>(std::move(options), output);
}

}  // namespace osprey::agent::shell
