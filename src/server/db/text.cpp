#include "server/db/text.h"

#include "base/text.h"

namespace osprey::server::db {

bool is_storable(std::string_view text) noexcept {
  return text.find('\0') == std::string_view::npos && is_valid_utf8(text);
}

std::string storable(std::string_view text) {
  const std::string utf8 = escape_invalid_utf8(text);
  std::string out;
  out.reserve(utf8.size());
  for (const char c : utf8) {
    if (c == '\0')
      out += "\\x00";
    else
      out += c;
  }
  return out;
}

std::string storable_json(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (json[i] != '\\' || i + 1 == json.size()) {
      out += json[i];
    } else if (json.substr(i, 6) == "\\u0000") {
      out += "\\\\x00";
      i += 5;
    } else {
      // An escape of two characters: the second, which may be a backslash too, begins none.
      out.append(json, i, 2);
      ++i;
    }
  }
  return out;
}

}  // namespace osprey::server::db
