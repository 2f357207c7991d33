#include "server/db/bytes.h"

#include "base/hex.h"
#include "base/text.h"

namespace osprey::server::db {

std::string to_text(const Bytes& bytes) { return "\\x" + hex(bytes.value); }

Bytes bytes_from_text(std::string_view text) {
  if (text.starts_with("\\x")) text.remove_prefix(2);
  return {from_hex(text).value_or("")};
}

}  // namespace osprey::server::db
