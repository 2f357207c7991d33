#include "sql/functions/ecmascript.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/text.h"

namespace osprey::sql {
namespace {

constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string code_point(std::uint32_t value) { return fmt::format("\\x{{{:x}}}", value); }

// What isspace(3) holds and its complement up to `last`: RE2's own \s lacks the vertical tab.
std::string spaces() { return "\\x{9}-\\x{d}\\x{20}"; }
std::string non_spaces(std::string_view last) {
  return std::string("\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-").append(last);
}

class Translator {
 public:
  Translator(std::string_view pattern, TextEncoding encoding)
      : rest_(pattern), encoding_(encoding), last_(encoding == TextEncoding::utf8 ? "\\x{10ffff}" : "\\x{ff}") {}

  Result<TranslatedPattern> translate() {
    while (!rest_.empty()) TRY(term());
    if (!open_groups_.empty()) return invalid("missing )");
    return std::move(out_);
  }

 private:
  enum class Group { atom, assertion };

  static std::unexpected<Error> invalid(std::string what) { return failure("", std::move(what)); }

  char take() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }
  bool take_if(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }

  void emit(std::string_view syntax, bool repeatable) {
    out_.syntax += syntax;
    repeatable_ = repeatable;
  }

  // An ordinary character, beginning with the byte `first`. The rest of a multi-byte one follows by itself.
  void literal(char first) {
    constexpr std::string_view special = "\\^$.*+?()[]{}|";
    if (first == '\0') return emit(code_point(0), true);
    if (special.contains(first)) out_.syntax += '\\';
    out_.syntax += first;
    repeatable_ = true;
  }

  Result<void> term() {
    switch (const char c = take()) {
      case '|':
        emit("|", false);
        return {};
      case '^':
        emit("^", false);
        return {};
      case '$':
        emit("\\z", false);
        return {};
      case '.':
        emit("[^\\x{a}\\x{d}]", true);
        return {};
      case '(':
        return open_group();
      case ')':
        return close_group();
      case '[':
        return bracket();
      case '\\':
        return escape();
      case '*':
      case '+':
      case '?':
      case '{':
        return quantifier(c);
      default:
        literal(c);
        return {};
    }
  }

  Result<void> open_group() {
    if (take_if("?:")) {
      open_groups_.push_back(Group::atom);
      emit("(?:", false);
    } else if (rest_.starts_with("?=") || rest_.starts_with("?!")) {
      open_groups_.push_back(Group::assertion);
      out_.needs_backtracking = true;
      emit(fmt::format("(?{}", rest_[1]), false);
      rest_.remove_prefix(2);
    } else if (rest_.starts_with('?')) {
      return invalid("unknown kind of group");
    } else {
      open_groups_.push_back(Group::atom);
      ++captures_;
      emit("(", false);
    }
    return {};
  }

  Result<void> close_group() {
    if (open_groups_.empty()) return invalid("unexpected )");
    emit(")", open_groups_.back() == Group::atom);
    open_groups_.pop_back();
    return {};
  }

  // A number in an interval or a back-reference; empty where there is none or it is out of both engines' range.
  std::optional<int> number() {
    constexpr int largest = 65535;
    const auto end = std::ranges::find_if_not(rest_, is_digit) - rest_.begin();
    const auto digits = rest_.substr(0, static_cast<std::size_t>(end));
    rest_.remove_prefix(digits.size());
    const auto value = parse<int>(digits);
    return value && *value <= largest ? value : std::nullopt;
  }

  Result<void> quantifier(char first) {
    if (!repeatable_) return invalid("nothing to repeat");
    std::string syntax(1, first);
    if (first == '{') {
      const auto least = number();
      if (!least) return invalid("bad repeat interval");
      syntax += std::to_string(*least);
      if (take_if(",")) {
        syntax += ',';
        if (!rest_.starts_with('}')) {
          const auto most = number();
          if (!most || *most < *least) return invalid("bad repeat interval");
          syntax += std::to_string(*most);
        }
      }
      if (!take_if("}")) return invalid("bad repeat interval");
      syntax += '}';
    }
    if (take_if("?")) syntax += '?';
    emit(syntax, false);
    return {};
  }

  Result<void> escape() {
    if (rest_.empty()) return invalid("trailing backslash");
    const char c = rest_.front();
    if (c == 'b' || c == 'B') {
      rest_.remove_prefix(1);
      emit(std::string{'\\', c}, false);
      return {};
    }
    if (c >= '1' && c <= '9') {
      const auto group = number();
      if (!group || *group > captures_) return invalid("back-reference to a group that is not there");
      out_.needs_backtracking = true;
      emit(fmt::format("\\g{{{}}}", *group), true);
      return {};
    }
    if (const auto set = class_escape()) {
      emit("[" + *set + "]", true);
      return {};
    }
    emit(TRY(character_escape()), true);
    return {};
  }

  // What \d, \w, \s and their complements are within brackets; empty on anything else.
  std::optional<std::string> class_escape() {
    if (rest_.empty() || !std::string_view("dDwWsS").contains(rest_.front())) return std::nullopt;
    const char c = take();
    if (c == 's') return spaces();
    if (c == 'S') return non_spaces(last_);
    return std::string{'\\', c};
  }

  // One character after a backslash, outside brackets or within.
  Result<std::string> character_escape() {
    if (rest_.empty()) return invalid("trailing backslash");
    const char c = take();
    switch (c) {
      case '0':
        return code_point(0);
      case 't':
        return code_point('\t');
      case 'n':
        return code_point('\n');
      case 'v':
        return code_point('\v');
      case 'f':
        return code_point('\f');
      case 'r':
        return code_point('\r');
      case 'x':
        return hexadecimal(2);
      case 'u':
        return hexadecimal(4);
      case 'c':
        if (rest_.empty() || !is_letter(rest_.front())) return invalid("bad control escape");
        return code_point(static_cast<std::uint32_t>(take()) % 32);
      default:
        break;
    }
    if (is_letter(c) || is_digit(c) || c == '_') return invalid("unknown escape");
    return character(c);
  }

  Result<std::string> hexadecimal(std::size_t digits) {
    const auto value = parse<std::uint32_t>(rest_.substr(0, digits), 16);
    if (!value || rest_.size() < digits) return invalid("bad hexadecimal escape");
    rest_.remove_prefix(digits);
    return code_point(encoding_ == TextEncoding::bytes ? *value & 0xff : *value);
  }

  // The whole character that the byte `first` begins, as it may stand anywhere.
  std::string character(char first) {
    const auto lead = static_cast<unsigned char>(first);
    if (lead < 0x80) return code_point(lead);
    if (encoding_ == TextEncoding::bytes) return code_point(lead);
    std::string bytes(1, first);
    while (!rest_.empty() && (static_cast<unsigned char>(rest_.front()) & 0xC0) == 0x80) bytes += take();
    return bytes;
  }

  struct BracketItem {
    std::string syntax;
    bool is_set = false;  // cannot begin or end a range
  };

  Result<void> bracket() {
    const bool negated = take_if("^");
    std::string items;
    while (!take_if("]")) {
      if (rest_.empty()) return invalid("missing ]");
      const auto item = TRY(bracket_item());
      items += item.syntax;
      const bool range = !item.is_set && rest_.starts_with('-') && rest_.size() > 1 && rest_[1] != ']';
      if (!range) continue;
      rest_.remove_prefix(1);
      const auto end = TRY(bracket_item());
      if (end.is_set) return invalid("bad range end");
      items += '-';
      items += end.syntax;
    }
    // Neither engine has an empty class as ECMAScript writes it: [] matches nothing and [^] everything.
    if (items.empty()) {
      emit(fmt::format("[{}\\x{{0}}-{}]", negated ? "" : "^", last_), true);
    } else {
      emit((negated ? "[^" : "[") + items + "]", true);
    }
    return {};
  }

  Result<BracketItem> bracket_item() {
    const char c = take();
    if (c == '[' && !rest_.empty() && std::string_view(":.=").contains(rest_.front())) return named_item(take());
    if (c != '\\') return BracketItem{character(c)};
    if (auto set = class_escape()) return BracketItem{std::move(*set), true};
    if (take_if("b")) return BracketItem{code_point('\b')};
    return BracketItem{TRY(character_escape())};
  }

  // [:class:], [.element.] and [=equivalents=], after the opening mark. In the C locale the latter two are characters.
  Result<BracketItem> named_item(char mark) {
    const auto end = rest_.find(std::string{mark, ']'});
    if (end == rest_.npos) return invalid("unfinished name in brackets");
    const auto name = rest_.substr(0, end);
    rest_.remove_prefix(end + 2);
    if (mark != ':') {
      if (name.size() != 1) return invalid("unknown collating element");
      return BracketItem{character(name.front())};
    }
    constexpr std::array<std::string_view, 12> classes = {"alnum", "alpha", "blank", "cntrl", "digit", "graph",
                                                          "lower", "print", "punct", "space", "upper", "xdigit"};
    if (std::ranges::find(classes, name) != classes.end()) return BracketItem{fmt::format("[:{}:]", name), true};
    if (name == "d" || name == "w") return BracketItem{fmt::format("\\{}", name), true};
    if (name == "s") return BracketItem{spaces(), true};
    return invalid("unknown character class");
  }

  std::string_view rest_;
  TextEncoding encoding_;
  std::string last_;  // the last character there is
  std::vector<Group> open_groups_;
  int captures_ = 0;
  bool repeatable_ = false;  // a quantifier may follow
  TranslatedPattern out_;
};

}  // namespace

Result<TranslatedPattern> translate_ecmascript(std::string_view pattern, TextEncoding encoding) {
  return Translator(pattern, encoding).translate();
}

}  // namespace osprey::sql
