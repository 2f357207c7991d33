#include "base/json.h"

#include <algorithm>
#include <cmath>

#include "agent/shell/printers/modes.h"
#include "agent/shell/printers/values.h"

namespace osprey::agent::shell {
namespace {

// The text around rows and members that tells the one-line form from the indented one.
struct Form {
  std::string_view before_first;  // opens the array and its first row's place
  std::string_view before_next;
  std::string_view open;  // of a row
  std::string_view member;
  std::string_view next_member;
  std::string_view colon;
  std::string_view close;
  std::string_view end;
  std::string_view empty;  // the whole of an array without rows
};

constexpr Form kCompact = {"[\n", ",\n", "  {", "", ",", ":", "}", "\n]\n", "[\n\n]\n"};
constexpr Form kIndented = {"[\n", ",\n", "  {\n", "    ", ",\n    ", ": ", "\n  }", "\n]\n", "[]\n"};
// A row without members, which no SELECT gives, needs no form of its own.

// An array with one object a row. Members are sorted by name, of equal names the right-most stands.
class JsonPrinter final : public Printer {
 public:
  JsonPrinter(const Form& form, PrinterOptions options, Output& output)
      : form_(form), options_(std::move(options)), output_(output) {}

  void begin(const sql::Statement& statement) override {
    members_.clear();
    std::vector<std::size_t> order(statement.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::ranges::stable_sort(order, {}, [&](std::size_t i) { return statement.column_name(i); });
    for (std::size_t i = 0; i < order.size(); ++i) {
      const auto name = statement.column_name(order[i]);
      if (i + 1 < order.size() && statement.column_name(order[i + 1]) == name) continue;
      std::string text(members_.empty() ? form_.member : form_.next_member);
      append_json_string(text, name);
      text += form_.colon;
      members_.push_back({order[i], std::move(text)});
    }
  }

  void row(const sql::Statement& statement) override {
    auto& out = output_.buffer();
    out += first_ ? form_.before_first : form_.before_next;
    first_ = false;
    out += form_.open;
    for (const auto& member : members_) {
      out += member.text;
      value(statement, member.column);
    }
    out += form_.close;
    output_.settle();
  }

  void end() override {
    output_.add(first_ ? form_.empty : form_.end);
    first_ = true;
  }

 private:
  void value(const sql::Statement& row, std::size_t i) {
    auto& out = output_.buffer();
    const auto type = row.type(i);
    if (type == sql::ValueType::null) {
      if (options_.typed)
        out += "null";
      else
        append_json_string(out, options_.null_value);
    } else if (type == sql::ValueType::integer) {
      // Digits need no escaping.
      if (!options_.typed) out += '"';
      out += values_.raw(row, i, type);
      if (!options_.typed) out += '"';
    } else if (options_.typed && type == sql::ValueType::real && std::isfinite(row.real(i))) {
      out += values_.raw(row, i, type);
    } else {
      append_json_string(out, values_.raw(row, i, type));
    }
  }

  struct Member {
    std::size_t column;
    std::string text;  // what stands before its value
  };

  const Form& form_;
  PrinterOptions options_;
  Output& output_;
  Values values_{options_};
  std::vector<Member> members_;
  bool first_ = true;
};

}  // namespace

std::unique_ptr<Printer> json_printer(PrinterOptions options, Output& output) {
  return std::make_unique<JsonPrinter>(kCompact, std::move(options), output);
}

std::unique_ptr<Printer> json_pretty_printer(PrinterOptions options, Output& output) {
  return std::make_unique<JsonPrinter>(kIndented, std::move(options), output);
}

}  // namespace osprey::agent::shell
