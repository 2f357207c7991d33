#include <algorithm>

#include "agent/shell/printers/modes.h"
#include "agent/shell/printers/values.h"
#include "agent/shell/text_width.h"

namespace osprey::agent::shell {
namespace {

// A framed table. Its widths are known only at the end, so rows are kept; beyond kBuffer bytes the widths found so far
// are kept instead and rows stream on.
class PrettyPrinter final : public Printer {
 public:
  static constexpr std::size_t kBuffer = 32 << 20;

  PrettyPrinter(PrinterOptions options, Output& output) : options_(std::move(options)), output_(output) {}

  // A statement with the same columns goes on with the table. One with others begins a table of its own; under
  // osquery's name all share the first one's columns, and values are found by name.
  void begin(const sql::Statement& statement) override {
    if (!options_.osquery_compatible && !has_columns_of(statement)) {
      end();
      forget();
    }
    if (names_.empty()) {
      for (std::size_t i = 0; i < statement.size(); ++i) {
        auto& name = names_.emplace_back();
        append_shown(name, statement.column_name(i));
        widths_.push_back(width(name, measure()));
        sql_names_.emplace_back(statement.column_name(i));
      }
    }
    sources_.clear();
    for (std::size_t i = 0; i < names_.size(); ++i)
      sources_.push_back(options_.osquery_compatible ? last_of_name(statement, sql_names_[i]) : i);
  }

  void row(const sql::Statement& statement) override {
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      const auto start = cells_.size();
      if (sources_[i] < statement.size()) append_shown(cells_, values_.text(statement, sources_[i]));
      const std::string_view cell = std::string_view(cells_).substr(start);
      lengths_.push_back(static_cast<std::uint32_t>(cell.size()));
      if (!streaming_) widths_[i] = std::max(widths_[i], width(cell, measure()));
    }
    if (streaming_) {
      print_rows();
      output_.settle();
    } else if (cells_.size() + lengths_.size() * sizeof(std::uint32_t) > kBuffer) {
      start_table();
      streaming_ = true;
    }
  }

  void end() override {
    if (!streaming_) {
      if (lengths_.empty()) return;
      start_table();
    }
    rule();
  }

 private:
  void start_table() {
    fit_terminal();
    rule();
    auto& out = output_.buffer();
    out += '|';
    for (std::size_t i = 0; i < names_.size(); ++i) cell(names_[i], widths_[i]);
    out += '\n';
    rule();
    print_rows();
    cells_.shrink_to_fit();
    lengths_.shrink_to_fit();
  }

  void rule() {
    auto& out = output_.buffer();
    out += '+';
    for (const auto wide : widths_) {
      out.append(wide + 2, '-');
      out += '+';
    }
    out += '\n';
  }

  // Prints the rows kept and forgets them.
  void print_rows() {
    auto& out = output_.buffer();
    std::string_view rest = cells_;
    for (std::size_t i = 0; i < lengths_.size(); ++i) {
      const std::size_t column = i % names_.size();
      if (column == 0) out += '|';
      cell(rest.substr(0, lengths_[i]), widths_[column]);
      rest.remove_prefix(lengths_[i]);
      if (column + 1 == names_.size()) {
        out += '\n';
        if (out.size() >= Output::kChunk) output_.flush();
      }
    }
    cells_.clear();
    lengths_.clear();
  }

  void cell(std::string_view text, std::size_t wide) {
    auto& out = output_.buffer();
    out += ' ';
    auto length = width(text, measure());
    if (length > wide && options_.terminal_width) {
      out += cut(text, wide, measure());
      length = wide;
    } else {
      out += text;
    }
    out.append(length < wide ? wide - length : 0, ' ');
    out += " |";
  }

  // Takes from the widest columns until a row fits the terminal, but leaves enough of each to be told apart.
  void fit_terminal() {
    if (!options_.terminal_width) return;
    constexpr std::size_t kNarrowest = 6;
    const auto total = [&](std::size_t cap) {
      std::size_t sum = 1;
      for (const auto wide : widths_) sum += std::min(wide, cap) + 3;
      return sum;
    };
    std::size_t cap = *std::ranges::max_element(widths_);
    if (total(cap) <= *options_.terminal_width) return;
    while (cap > kNarrowest && total(cap) > *options_.terminal_width) --cap;
    for (auto& wide : widths_) wide = std::min(wide, cap);
  }

  // Ready for another table.
  void forget() {
    sql_names_.clear();
    names_.clear();
    widths_.clear();
    streaming_ = false;
  }

  bool has_columns_of(const sql::Statement& statement) const {
    if (statement.size() != sql_names_.size()) return false;
    for (std::size_t i = 0; i < sql_names_.size(); ++i)
      if (statement.column_name(i) != sql_names_[i]) return false;
    return true;
  }

  void append_shown(std::string& out, std::string_view text) const {
    if (options_.osquery_compatible)
      out += text;
    else
      append_visible(out, text);
  }

  static std::size_t last_of_name(const sql::Statement& statement, std::string_view name) {
    for (std::size_t i = statement.size(); i > 0; --i)
      if (statement.column_name(i - 1) == name) return i - 1;
    return statement.size();
  }

  Measure measure() const { return options_.osquery_compatible ? Measure::code_points : Measure::cells; }

  PrinterOptions options_;
  Output& output_;
  Values values_{options_};
  std::vector<std::string> sql_names_;
  std::vector<std::string> names_;  // as shown
  std::vector<std::size_t> widths_;
  std::vector<std::size_t> sources_;  // which of the statement's columns fills each of the table's
  std::string cells_;                 // of the rows kept, one after the other
  std::vector<std::uint32_t> lengths_;
  bool streaming_ = false;
};

}  // namespace

std::unique_ptr<Printer> pretty_printer(PrinterOptions options, Output& output) {
  return std::make_unique<PrettyPrinter>(std::move(options), output);
}

}  // namespace osprey::agent::shell
