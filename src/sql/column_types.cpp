#include "sql/column_types.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>
#include <variant>

#include "base/text.h"

namespace osprey::sql {
namespace {

constexpr std::string_view kUnknown = "UNKNOWN";

// A declared type as osquery knows it.
std::string_view known_type(std::string_view declared) {
  constexpr std::array<std::string_view, 6> kKnown = {"TEXT", "INTEGER", "BIGINT", "UNSIGNED BIGINT", "DOUBLE", "BLOB"};
  const auto found = std::ranges::find_if(kKnown, [&](auto name) { return equal_ignoring_case(name, declared); });
  return found == kKnown.end() ? kUnknown : *found;
}

// The type that an opcode of SQLite's machine (https://www.sqlite.org/opcode.html) gives the register it writes.
struct Effect {
  std::string_view opcode;
  int writes;  // which of P1 to P3 names the register
  std::string_view type;
};
constexpr auto kEffects = std::to_array<Effect>({
    {"Integer", 2, "INTEGER"},   {"Int64", 2, "BIGINT"},    {"String8", 2, "TEXT"},    {"String", 2, "TEXT"},
    {"Null", 2, kUnknown},       {"Blob", 2, kUnknown},     {"Real", 2, kUnknown},     {"Concat", 3, "TEXT"},
    {"Add", 3, "BIGINT"},        {"Subtract", 3, "BIGINT"}, {"Multiply", 3, "BIGINT"}, {"Divide", 3, "BIGINT"},
    {"Remainder", 3, "BIGINT"},  {"BitAnd", 3, "BIGINT"},   {"BitOr", 3, "BIGINT"},    {"ShiftLeft", 3, "BIGINT"},
    {"ShiftRight", 3, "BIGINT"}, {"BitNot", 2, kUnknown},   {"Not", 2, "INTEGER"},     {"And", 3, "INTEGER"},
    {"Or", 3, "INTEGER"},        {"IsTrue", 2, "INTEGER"},  {"AggFinal", 1, "BIGINT"}, {"Function", 3, kUnknown},
    {"PureFunc", 3, kUnknown},
});

std::string_view cast_type(std::int64_t affinity) {
  switch (affinity) {
    case 'A':
      return "BLOB";
    case 'B':
      return "TEXT";
    case 'C':
    case 'D':
      return "BIGINT";
    case 'E':
      return "DOUBLE";
    default:
      return kUnknown;
  }
}

// What is known of each register, all of the program read in its order: a type, or the register it was copied from.
class Registers {
 public:
  void take(std::string_view opcode, const std::array<std::int64_t, 4>& p) {
    if (opcode == "Copy" || opcode == "SCopy") {
      const auto count = opcode == "Copy" ? p[3] + 1 : 1;
      for (std::int64_t i = 0; i < count; ++i) known_[p[2] + i] = p[1] + i;
    } else if (opcode == "Move") {
      for (std::int64_t i = 0; i < p[3]; ++i) known_[p[2] + i] = p[1] + i;
    } else if (opcode == "Cast") {
      known_[p[1]] = cast_type(p[2]);
    } else if (opcode == "ResultRow") {
      first_result_ = p[1];
    } else {
      const auto effect = std::ranges::find(kEffects, opcode, &Effect::opcode);
      if (effect != kEffects.end()) known_[p[static_cast<std::size_t>(effect->writes)]] = effect->type;
    }
  }

  std::string_view result(std::size_t column) const {
    auto at = first_result_ + static_cast<std::int64_t>(column);
    for (int hops = 0; hops < 8; ++hops) {
      const auto found = known_.find(at);
      if (found == known_.end()) break;
      if (const auto* type = std::get_if<std::string_view>(&found->second)) return *type;
      at = std::get<std::int64_t>(found->second);
    }
    return kUnknown;
  }

 private:
  std::unordered_map<std::int64_t, std::variant<std::string_view, std::int64_t>> known_;
  std::int64_t first_result_ = -1;
};

Registers explain(Connection& connection, const Statement& statement) {
  Registers registers;
  const auto text = "EXPLAIN " + std::string(statement.sql());
  std::string_view rest = text;
  auto program = connection.prepare(rest);
  if (!program || !*program) return registers;
  for (;;) {
    const auto row = (*program)->step();
    if (!row || !*row) break;
    registers.take((*program)->text(1), {0, (*program)->integer(2), (*program)->integer(3), (*program)->integer(4)});
  }
  return registers;
}

}  // namespace

std::vector<std::string> column_types(Connection& connection, const Statement& statement) {
  std::vector<std::string> types;
  std::optional<Registers> registers;
  for (std::size_t i = 0; i < statement.size(); ++i) {
    if (const auto declared = statement.declared_type(i); !declared.empty()) {
      types.emplace_back(known_type(declared));
      continue;
    }
    if (!registers) registers = explain(connection, statement);
    types.emplace_back(registers->result(i));
  }
  return types;
}

}  // namespace osprey::sql
