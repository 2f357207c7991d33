#include "server/db/bytes.h"

#include "base/text.h"

namespace osprey::server::db {

std::string to_text(const Bytes& bytes) { return "\\x" + hex(bytes.value); }

Bytes bytes_from_text(std::string_view text) {
  Bytes bytes;
  if (text.starts_with("\\x")) text.remove_prefix(2);
  for (; text.size() >= 2; text.remove_prefix(2))
    bytes.value += static_cast<char>(parse<unsigned char>(text.substr(0, 2), 16).value_or(0));
  return bytes;
}

}  // namespace osprey::server::db
