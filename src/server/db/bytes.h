// Bytes: a value for {bytes} columns, with soci::use and soci::into. For keys, hashes and the like: on SQLite it takes
// two characters a byte.
#pragma once

#include <soci/soci.h>

#include <string>
#include <string_view>

namespace osprey::server::db {

struct Bytes {
  std::string value;
  bool operator==(const Bytes&) const = default;
};

// PostgreSQL's own form of bytes as text ("\x00ff").
std::string to_text(const Bytes& bytes);
Bytes bytes_from_text(std::string_view text);

}  // namespace osprey::server::db

template <>
struct soci::type_conversion<osprey::server::db::Bytes> {
  using base_type = std::string;
  static void from_base(const std::string& text, soci::indicator ind, osprey::server::db::Bytes& bytes) {
    bytes.value.clear();
    if (ind == soci::i_ok) bytes = osprey::server::db::bytes_from_text(text);
  }
  static void to_base(const osprey::server::db::Bytes& bytes, std::string& text, soci::indicator& ind) {
    text = osprey::server::db::to_text(bytes);
    ind = soci::i_ok;
  }
};
