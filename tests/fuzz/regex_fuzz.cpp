// Regular expressions: a pattern and a text separated by a newline. Any pattern compiles or is refused, in bounded
// time; what is found lies in the text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.h"
#include "sql/functions/regex.h"

namespace {

using osprey::Result;

void check(const Result<std::optional<std::string_view>>& found, std::string_view text) {
  if (!found || !*found || !(*found)->data()) return;
  const auto view = **found;
  if (view.data() < text.data() || view.data() + view.size() > text.data() + text.size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using osprey::sql::Regex;
  using osprey::sql::TextEncoding;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto pattern = osprey::take_until(text, '\n');
  if (!text.data()) text = "";
  const bool valid = osprey::is_valid_utf8(pattern) && osprey::is_valid_utf8(text);
  auto regex = Regex::compile(pattern, valid ? TextEncoding::utf8 : TextEncoding::bytes);
  if (!regex) return 0;
  for (const int index : {0, 1, 20}) {
    check(regex->match_group(text, index, {}), text);
    check(regex->split_piece(text, index, {}), text);
  }
  return 0;
}
