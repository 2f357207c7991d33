// The regular expressions that osquery's functions take: ECMAScript as std::regex has it, without flags.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace osprey::sql {

enum class TextEncoding { bytes, utf8 };

struct TranslatedPattern {
  std::string syntax;               // with one meaning to RE2 and to PCRE2, and that is ECMAScript's
  bool needs_backtracking = false;  // look-ahead or a back-reference: beyond RE2
};

// Translates a pattern; the error says what ECMAScript does not allow in it. In UTF-8 the pattern must be valid.
Result<TranslatedPattern> translate_ecmascript(std::string_view pattern, TextEncoding encoding);

}  // namespace osprey::sql
