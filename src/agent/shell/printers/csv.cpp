#include <algorithm>

#include "agent/shell/printers/separated.h"

namespace osprey::agent::shell {
namespace {

// RFC 4180 but for the line end, which is \n, and for quoting more than it must, as osquery does. NULL is not quoted,
// so that it differs from the empty text.
class CsvPrinter final : public SeparatedPrinter {
 public:
  CsvPrinter(PrinterOptions options, Output& output) : SeparatedPrinter(std::move(options), output) {
    for (unsigned c = 0; c < quoted_.size(); ++c)
      quoted_[c] = c <= ' ' || c == '"' || c == '\'' || c >= 0x7F ||
                   (options_.separator.size() == 1 && c == static_cast<unsigned char>(options_.separator[0]));
  }

 private:
  void name(std::string_view text) override { append(text); }

  void value(const sql::Statement& row, std::size_t i) override {
    const auto type = row.type(i);
    // Whole numbers need no quotes, and NULL has none.
    if (type == sql::ValueType::null || type == sql::ValueType::integer)
      output_.buffer() += values_.text(row, i);
    else
      append(values_.text(row, i));
  }

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

  std::array<bool, 256> quoted_{};
};

}  // namespace

std::unique_ptr<Printer> csv_printer(PrinterOptions options, Output& output) {
  return std::make_unique<CsvPrinter>(std::move(options), output);
}

}  // namespace osprey::agent::shell
