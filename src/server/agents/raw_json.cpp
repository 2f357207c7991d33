#include "server/agents/raw_json.h"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/parse.hpp>

namespace osprey::server::agents {
namespace {

namespace json = boost::json;

constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Goes over a text from left to right.
class Walk {
 public:
  explicit Walk(std::string_view text) noexcept : rest_(text) {}

  void skip_blanks() noexcept {
    while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
  }
  bool skip(char wanted) noexcept {
    skip_blanks();
    if (!rest_.starts_with(wanted)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool at_end() noexcept {
    skip_blanks();
    return rest_.empty();
  }
  // The text of the next value; empty if there is none.
  std::string_view value() noexcept {
    skip_blanks();
    std::size_t size = 0;
    if (rest_.starts_with('"'))
      size = string_size(0);
    else if (rest_.starts_with('{') || rest_.starts_with('['))
      size = nested_size();
    else
      size = std::min(rest_.find_first_of(",]} \t\n\r"), rest_.size());
    const auto found = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return found;
  }

 private:
  // Of the string that begins at `begin`, with its quotes; 0 if it does not end.
  std::size_t string_size(std::size_t begin) const noexcept {
    for (auto at = rest_.find('"', begin + 1); at != rest_.npos; at = rest_.find('"', at + 1)) {
      auto backslash = at;
      while (rest_[backslash - 1] == '\\') --backslash;
      if ((at - backslash) % 2 == 0) return at + 1 - begin;
    }
    return 0;
  }
  // Of the object or list at the front; 0 if it does not end. That brackets are of the same kind is not looked at.
  std::size_t nested_size() const noexcept {
    std::size_t depth = 0;
    for (std::size_t at = 0; at < rest_.size(); ++at) {
      const char c = rest_[at];
      if (c == '"') {
        const auto size = string_size(at);
        if (size == 0) return 0;
        at += size - 1;
      } else if (c == '{' || c == '[') {
        ++depth;
      } else if ((c == '}' || c == ']') && --depth == 0) {
        return at + 1;
      }
    }
    return 0;
  }

  std::string_view rest_;
};

// Goes over `text`, between the two brackets, item by item.
template <class F>
bool each(std::string_view text, char open, char close, F&& item) {
  Walk walk(text);
  if (!walk.skip(open)) return false;
  if (walk.skip(close)) return walk.at_end();
  do {
    if (!item(walk)) return false;
  } while (walk.skip(','));
  return walk.skip(close) && walk.at_end();
}

// What boost::json::basic_parser calls: hears everything, keeps nothing.
struct Validator {
  static constexpr std::size_t max_object_size = -1;
  static constexpr std::size_t max_array_size = -1;
  static constexpr std::size_t max_key_size = -1;
  static constexpr std::size_t max_string_size = -1;

  using Code = boost::system::error_code;
  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_object_begin(Code&) { return opened(); }
  bool on_object_end(std::size_t, Code&) { return closed(); }
  bool on_array_begin(Code&) { return list_opened(); }
  bool on_array_end(std::size_t, Code&) { return closed(); }
  bool on_key_part(std::string_view, std::size_t, Code&) { return true; }
  bool on_key(std::string_view, std::size_t, Code&) { return true; }
  bool on_string_part(std::string_view, std::size_t, Code&) { return text(); }
  bool on_string(std::string_view, std::size_t, Code&) { return text(); }
  bool on_number_part(std::string_view, Code&) { return other(); }
  bool on_int64(std::int64_t, std::string_view, Code&) { return other(); }
  bool on_uint64(std::uint64_t, std::string_view, Code&) { return other(); }
  bool on_double(double, std::string_view, Code&) { return other(); }
  bool on_bool(bool, Code&) { return other(); }
  bool on_null(Code&) { return other(); }
  bool on_comment_part(std::string_view, Code&) { return true; }
  bool on_comment(std::string_view, Code&) { return true; }

  // [ is depth 0 to 1, { 1 to 2, and text stands at depth 2.
  bool list_opened() {
    rows &= depth == 0;
    ++depth;
    return true;
  }
  bool opened() {
    rows &= depth == 1;
    ++depth;
    return true;
  }
  bool closed() {
    --depth;
    return true;
  }
  bool text() {
    rows &= depth == 2;
    return true;
  }
  bool other() {
    rows = false;
    return true;
  }
  unsigned depth = 0;
  bool rows = true;
};

struct Validated {
  bool valid = false;
  bool rows = false;
};

Validated validate(std::string_view text) {
  json::basic_parser<Validator> parser(json::parse_options{});
  boost::system::error_code code;
  const auto taken = parser.write_some(false, text.data(), text.size(), code);
  if (code || !parser.done()) return {};
  for (const char c : text.substr(taken))
    if (!is_blank(c)) return {};
  return {.valid = true, .rows = parser.handler().rows};
}

}  // namespace

bool each_member(std::string_view text,
                 const std::function<void(std::string_view name, std::string_view value)>& take) {
  return each(text, '{', '}', [&](Walk& walk) {
    const auto raw_name = walk.value();
    if (!raw_name.starts_with('"') || !walk.skip(':')) return false;
    const auto value = walk.value();
    if (value.empty()) return false;
    if (raw_name.find('\\') == raw_name.npos) {
      take(raw_name.substr(1, raw_name.size() - 2), value);
      return true;
    }
    const auto name = text_of(raw_name);
    if (name) take(*name, value);
    return name.has_value();
  });
}

bool each_item(std::string_view text, const std::function<void(std::string_view value)>& take) {
  return each(text, '[', ']', [&](Walk& walk) {
    const auto value = walk.value();
    if (!value.empty()) take(value);
    return !value.empty();
  });
}

bool is_valid_json(std::string_view text) { return validate(text).valid; }

bool is_rows_of_text(std::string_view text) {
  const auto validated = validate(text);
  // Text alone, or an empty object, is at no wrong depth either.
  return validated.rows && text.substr(std::min(text.find_first_not_of(" \t\n\r"), text.size())).starts_with('[');
}

std::optional<std::string> text_of(std::string_view raw) {
  boost::system::error_code code;
  const auto value = json::parse(raw, code);
  if (code || !value.is_string()) return std::nullopt;
  return std::string(value.get_string());
}

}  // namespace osprey::server::agents
