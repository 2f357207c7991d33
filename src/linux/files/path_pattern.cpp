#include "linux/files/path_pattern.h"

#include <cstddef>

#include "base/text.h"

namespace osprey::linux {
namespace {

char folded(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// One character as SQLite counts them: a byte, with the continuation bytes that follow a leading one.
std::size_t character_end(std::string_view text, std::size_t i) noexcept {
  const bool leads = static_cast<unsigned char>(text[i++]) >= 0xC0;
  while (leads && i < text.size() && (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80) ++i;
  return i;
}

bool is_wild(std::string_view text, PatternDialect dialect) noexcept {
  return text.find_first_of(dialect == PatternDialect::sql ? "%_" : "%") != text.npos;
}

}  // namespace

bool matches_like(std::string_view pattern, std::string_view text, PatternDialect dialect) noexcept {
  const bool sql = dialect == PatternDialect::sql;
  std::size_t p = 0;
  std::size_t t = 0;
  // Where to go back to: after the last "%", with one character more taken by it.
  std::size_t retry_pattern = pattern.npos;
  std::size_t retry_text = 0;
  for (;;) {
    if (p < pattern.size() && pattern[p] == '%') {
      retry_pattern = ++p;
      retry_text = t;
    } else if (p < pattern.size() && t < text.size() && sql && pattern[p] == '_') {
      ++p;
      t = character_end(text, t);
    } else if (p < pattern.size() && t < text.size() &&
               (pattern[p] == text[t] || (sql && folded(pattern[p]) == folded(text[t])))) {
      ++p;
      ++t;
    } else if (p == pattern.size() && t == text.size()) {
      return true;
    } else if (retry_pattern != pattern.npos && retry_text < text.size()) {
      p = retry_pattern;
      t = ++retry_text;
    } else {
      return false;
    }
  }
}

bool PathPattern::Component::matches(std::string_view name, PatternDialect dialect) const noexcept {
  if (any) return true;
  if (!wild) return text == name;
  if (dialect == PatternDialect::osquery && name.starts_with('.') && !text.starts_with('.')) return false;
  return matches_like(text, name, dialect);
}

PathPattern parse_path_pattern(std::string_view like, PatternDialect dialect) {
  PathPattern pattern;
  auto rest = like;
  // The base: whole components, with the slashes between them as they are written.
  for (std::size_t start = 0;;) {
    const auto slash = rest.find('/', start);
    const auto part = rest.substr(start, slash == rest.npos ? rest.npos : slash - start);
    if (is_wild(part, dialect)) {
      pattern.base = rest.substr(0, start);
      rest.remove_prefix(start);
      break;
    }
    if (slash == rest.npos) {
      pattern.base = rest;
      return pattern;
    }
    start = slash + 1;
  }
  pattern.directories_only = rest.ends_with('/');
  for (const auto part : split(rest, '/')) {
    if (part.empty()) continue;
    const auto deep = part.find("%%");
    const bool last = part.data() + part.size() >= rest.data() + rest.size() - (pattern.directories_only ? 1 : 0);
    const bool ends_deep = last && part.ends_with("%%");
    if (ends_deep || (deep != part.npos && dialect == PatternDialect::sql)) {
      pattern.recursive = true;
      if (!ends_deep || deep + 2 != part.size()) pattern.filter = like;
      pattern.components.push_back({std::string(part.substr(0, deep)) + "%", true});
      return pattern;
    }
    pattern.components.push_back({std::string(part), is_wild(part, dialect)});
  }
  return pattern;
}

}  // namespace osprey::linux
