#include "tables/secrets.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/text.h"

namespace osprey::tables {

bool names_secret(std::string_view name) {
  // Long enough to mean the same wherever they stand in a name.
  static constexpr std::array<std::string_view, 8> kAnywhere = {"password",   "passwd",     "passphrase", "secret",
                                                                "credential", "privatekey", "apikey",     "token"};
  // Words of their own only: PWD is where a process stands, and a monkey has no key.
  static constexpr std::array<std::string_view, 4> kWords = {"key", "keys", "pass", "community"};
  std::string folded;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool upper = name[i] >= 'A' && name[i] <= 'Z';
    const bool after_lower = i > 0 && name[i - 1] >= 'a' && name[i - 1] <= 'z';
    if (upper && after_lower) folded += ' ';  // camelCase
    const bool separates = name[i] == '_' || name[i] == '-' || name[i] == '.';
    folded += separates ? ' ' : name[i];
  }
  folded = to_lower(folded);
  const auto words = fields(folded);
  std::string joined;
  for (const auto word : words) joined += word;
  if (joined.find("publickey") != std::string::npos) return false;
  return std::ranges::any_of(kAnywhere, [&](auto word) { return joined.find(word) != std::string::npos; }) ||
         std::ranges::any_of(words, [](auto word) { return std::ranges::find(kWords, word) != kWords.end(); });
}

}  // namespace osprey::tables
