#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/text.h"
#include "protocol/result_row.h"

using namespace osprey::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  // What is taken as a row is what the encoder makes of its columns, and renders.
  RowDecoder decoder(bytes);
  std::string again;
  RowEncoder encoder(again);
  for (RowColumn column; decoder.next(column);) {
    if (column.kind == RowColumn::Kind::integer)
      encoder.integer(column.name, column.integer);
    else if (column.kind == RowColumn::Kind::real)
      encoder.real(column.name, column.real);
    else
      encoder.text(column.name, column.text);
  }
  if (!decoder.failed() && again != bytes) std::abort();
  std::string out;
  if (append_columns(out, bytes, true) == decoder.failed()) std::abort();
  out.clear();
  append_columns(out, bytes, false);
  if (row_less(bytes, bytes)) std::abort();
  row_less(bytes.substr(0, size / 2), bytes.substr(size / 2));

  std::string scratch;
  const auto text = differential_text(bytes, scratch);
  if (!osprey::is_valid_utf8(text)) std::abort();
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x20) std::abort();
  return 0;
}
