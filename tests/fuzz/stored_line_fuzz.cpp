// A log line, its first byte telling whether it is a status line: whatever it is, it becomes rows that a database takes
// and whose tokens are found again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "server/db/text.h"
#include "server/results/line.h"
#include "server/results/value_filter.h"

using namespace osprey::server;
using namespace osprey::server::results;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::vector<Row> rows;
  Tokens tokens;
  append_rows({reinterpret_cast<const char*>(data) + 1, size - 1}, data[0] % 2 != 0, rows, tokens);
  if (rows.empty()) std::abort();
  Tokens again;
  for (const Row& row : rows) {
    if (!db::is_storable(row.name) || !db::is_storable(row.columns) || !db::is_storable(row.decorations)) std::abort();
    append_tokens(row, again);
    if (row.kind == Kind::row && row.columns != "{}" && columns_of(row.columns).empty()) std::abort();
  }
  std::ranges::sort(tokens);
  for (const std::uint64_t token : again)
    if (!std::ranges::binary_search(tokens, token)) std::abort();
  const std::string filter = make_filter(tokens);
  for (const std::uint64_t token : tokens) {
    const std::size_t block = static_cast<std::size_t>(block_number(token)) % (filter.size() / kBlock);
    if (!may_have(std::string_view(filter).substr(block * kBlock, kBlock), token)) std::abort();
  }
  return 0;
}
