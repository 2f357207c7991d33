#include <algorithm>

#include "agent/shell/printers/modes.h"
#include "agent/shell/printers/values.h"

namespace osprey::agent::shell {
namespace {

// RFC 4180 but for the line end, which is \n, and for quoting more than it must, as osquery does. NULL is not quoted,
// so that it differs from the empty text.
class CsvPrinter final : public Printer {
 public:
  CsvPrinter(PrinterOptions options, Output& output) : options_(std::move(options)), output_(output) {
    for (unsigned c = 0; c < quoted_.size(); ++c)
      quoted_[c] = c <= ' ' || c == '"' || c == '\'' || c >= 0x7F ||
                   (options_.separator.size() == 1 && c == static_cast<unsigned char>(options_.separator[0]));
  }

  void begin(const sql::Statement&) override { header_due_ = options_.header; }

  void row(const sql::Statement& statement) override {
    auto& out = output_.buffer();
    if (header_due_) {
      for (std::size_t i = 0; i < statement.size(); ++i) {
        if (i) out += options_.separator;
        append(statement.column_name(i));
      }
      out += '\n';
      header_due_ = false;
    }
    for (std::size_t i = 0; i < statement.size(); ++i) {
      if (i) out += options_.separator;
      switch (statement.type(i)) {
        case sql::ValueType::null:
          out += options_.null_value;
          break;
        case sql::ValueType::integer:
          out += values_.text(statement, i);
          break;
        default:
          append(values_.text(statement, i));
      }
    }
    out += '\n';
    output_.settle();
  }

  void end() override {}

 private:
  bool must_quote(std::string_view text) const {
    if (text.empty()) return true;
    if (std::ranges::any_of(text, [&](char c) { return quoted_[static_cast<unsigned char>(c)]; })) return true;
    return options_.separator.size() > 1 && text.contains(options_.separator);
  }

  void append(std::string_view text) {
    auto& out = output_.buffer();
    if (!must_quote(text)) {
      out += text;
      return;
    }
    out += '"';
    for (;;) {
      const auto quote = text.find('"');
      out += text.substr(0, quote);
      if (quote == text.npos) break;
      out += "\"\"";
      text.remove_prefix(quote + 1);
    }
    out += '"';
  }

  PrinterOptions options_;
  Output& output_;
  Values values_{options_};
  std::array<bool, 256> quoted_{};
  bool header_due_ = true;
};

}  // namespace

std::unique_ptr<Printer> csv_printer(PrinterOptions options, Output& output) {
  return std::make_unique<CsvPrinter>(std::move(options), output);
}

}  // namespace osprey::agent::shell
