// Base64 in SQL.
#include <algorithm>
#include <string>

#include "base/base64.h"
#include "sql/functions/call.h"

namespace osprey::sql {

namespace {

void encode(Call& call) {
  if (call.any_null()) return;
  call.answer(to_base64(call.text(0)));
}

void decode(Call& call) {
  if (call.any_null()) return;
  std::string digits(call.text(0));
  std::erase_if(digits, [](char c) { return c == '\r' || c == '\n'; });
  call.answer(from_base64(digits).value_or(""));
}

void encode_unless_printable(Call& call) {
  if (call.any_null()) return;
  const auto text = call.text(0);
  const bool printable = std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7e; });
  printable ? call.answer(text) : call.answer(to_base64(text));
}

}  // namespace

std::span<const Function> encoding_functions() {
  static constexpr Function functions[] = {
      function<encode>("to_base64", 1, kPure),
      function<decode>("from_base64", 1, kPure),
      function<encode_unless_printable>("conditional_to_base64", 1, kPure),
  };
  return functions;
}

}  // namespace osprey::sql
