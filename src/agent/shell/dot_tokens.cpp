#include "agent/shell/dot_tokens.h"

#include "base/text.h"

namespace osprey::agent::shell {
namespace {

constexpr std::size_t kMostWords = 50;

bool is_octal(char c) { return c >= '0' && c <= '7'; }

// Takes the character that follows a backslash off `text`.
char take_escape(std::string_view& text) {
  if (text.empty()) return '\\';
  if (is_octal(text.front())) {
    unsigned value = 0;
    for (int digits = 0; digits < 3 && !text.empty() && is_octal(text.front()); ++digits) {
      value = value * 8 + static_cast<unsigned>(text.front() - '0');
      text.remove_prefix(1);
    }
    return static_cast<char>(value);
  }
  const char c = text.front();
  text.remove_prefix(1);
  return c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
}

}  // namespace

std::vector<std::string> dot_tokens(std::string_view line) {
  std::vector<std::string> words;
  while (words.size() < kMostWords) {
    line = trim_left(line);
    if (line.empty()) break;
    auto& word = words.emplace_back();
    char quote = 0;
    if (line.front() == '"' || line.front() == '\'') {
      quote = line.front();
      line.remove_prefix(1);
    }
    while (!line.empty()) {
      const char c = line.front();
      line.remove_prefix(1);
      if (quote ? c == quote : is_space(c)) break;
      word += c == '\\' && quote != '\'' ? take_escape(line) : c;
    }
  }
  return words;
}

}  // namespace osprey::agent::shell
