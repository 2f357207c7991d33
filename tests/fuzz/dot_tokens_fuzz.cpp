// What a person types at the shell: the words of dot-commands, statements cut from lines, text cut to a width.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "agent/shell/dot_tokens.h"
#include "agent/shell/statement_reader.h"
#include "agent/shell/text_width.h"
#include "base/text.h"

using namespace osprey;
using namespace osprey::agent::shell;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (dot_tokens(text).size() > 50) std::abort();
  StatementReader reader;
  for (const auto line : Lines(text)) reader.add(line);
  reader.take_rest();
  for (const auto measure : {Measure::code_points, Measure::cells})
    if (width(start_of(text, 7, measure), measure) > 7) std::abort();
  std::string visible;
  append_visible(visible, text);
  if (!is_valid_utf8(visible)) std::abort();
  return 0;
}
