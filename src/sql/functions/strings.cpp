// split, concat and concat_ws.
#include <algorithm>
#include <optional>
#include <string>

#include "base/text.h"
#include "sql/functions/call.h"

namespace osprey::sql {
namespace {

// The index-th piece of `text` between any of `separators` that is not blank, without the blanks around it.
std::optional<std::string_view> token(std::string_view text, std::string_view separators, std::int64_t index) {
  while (!text.empty()) {
    const auto end = std::min(text.find_first_of(separators), text.size());
    const auto piece = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!piece.empty() && index-- == 0) return piece;
  }
  return std::nullopt;
}

void split(Call& call) {
  if (call.any_null()) return;
  const auto separators = call.text(1);
  if (separators.empty()) return call.fail("Invalid input to split function");
  if (const auto piece = token(call.text(0), separators, call.integer(2))) call.answer(*piece);
}

void concat(Call& call) {
  if (call.count() == 0) return;
  std::string joined;
  for (int i = 0; i < call.count(); ++i) {
    if (!call.is_null(i)) joined += call.text(i);
  }
  call.answer(joined);
}

// As osquery has it: a separator follows every value but the last argument, so that a NULL there leaves one dangling.
void concat_ws(Call& call) {
  if (call.count() == 0) return call.fail("Missing separator to concat_ws");
  if (call.count() == 1) return;
  const auto separator = call.text(0);
  std::string joined;
  for (int i = 1; i < call.count(); ++i) {
    if (call.is_null(i)) continue;
    joined += call.text(i);
    if (i + 1 < call.count()) joined += separator;
  }
  call.answer(joined);
}

}  // namespace

std::span<const Function> string_functions() {
  static constexpr Function functions[] = {
      function<split>("split", 3, kPure),
      function<concat>("concat", -1, kPure),
      function<concat_ws>("concat_ws", -1, kPure),
  };
  return functions;
}

}  // namespace osprey::sql
