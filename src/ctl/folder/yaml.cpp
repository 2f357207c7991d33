#include "ctl/folder/yaml.h"

#include <boost/json.hpp>

#include "base/json.h"
#include "base/text.h"

namespace osprey::ctl {
namespace {

namespace json = boost::json;

constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '/'; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

// What YAML of any version reads as this text.
bool is_plain(std::string_view text) {
  if (text.empty() || !is_letter(text.front()) || text.back() == ' ' || text.back() == ':') return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool follows = i + 1 < text.size() && text[i + 1] != ' ';
    if (is_letter(c) || is_digit(c) || std::string_view(" .-+*%(),=<>;'\"@").find(c) != std::string_view::npos)
      continue;
    if (c != ':' || !follows) return false;
  }
  static constexpr std::array<std::string_view, 10> kWords{"true", "false", "null", "yes", "no",
                                                           "on",   "off",   "y",    "n",   "nan"};
  return std::ranges::find(kWords, to_lower(text)) == kWords.end();
}

// Lines that a literal block keeps as they are.
bool is_block(std::string_view text) {
  if (text.find('\n') == text.npos || text.front() == ' ' || text.front() == '\n') return false;
  if (!std::ranges::all_of(text, [](unsigned char c) { return c == '\n' || (c >= 0x20 && c != 0x7f && c < 0x80); }))
    return false;
  for (const auto line : split(text, '\n'))
    if (line.ends_with(' ')) return false;
  return !text.ends_with("\n\n");
}

class Writer {
 public:
  std::string out;

  void value(const json::value& value, std::size_t depth) {
    if (const auto* object = value.if_object(); object && !object->empty()) return members(*object, depth, true);
    if (const auto* array = value.if_array(); array && !array->empty()) return elements(*array, depth);
    if (const auto* text = value.if_string())
      scalar(*text, depth);
    else
      out += json::serialize(value);
    out += '\n';
  }

  void members(const json::object& object, std::size_t depth, bool indent_first) {
    for (const auto& member : object) {
      if (indent_first) out.append(2 * depth, ' ');
      indent_first = true;
      key(member.key());
      below(member.value(), depth);
    }
  }

 private:
  static bool is_nested(const json::value& value) {
    return (value.is_object() && !value.get_object().empty()) || (value.is_array() && !value.get_array().empty());
  }

  void below(const json::value& value, std::size_t depth) {
    out += is_nested(value) ? ":\n" : ": ";
    this->value(value, depth + 1);
  }

  void elements(const json::array& array, std::size_t depth) {
    for (const auto& each : array) {
      out.append(2 * depth, ' ').append("- ");
      const auto* object = each.if_object();
      if (object && !object->empty()) {
        members(*object, depth + 1, false);
      } else if (is_nested(each)) {
        out.back() = '\n';
        elements(each.get_array(), depth + 1);
      } else {
        value(each, depth + 1);
      }
    }
  }

  // As JSON has it, which leaves the delete character alone. YAML does not have that.
  void quote(std::string_view text) {
    std::string quoted;
    append_json_string(quoted, text);
    for (const char c : quoted) {
      if (c == '\x7f')
        out += "\\x7f";
      else
        out += c;
    }
  }

  void key(std::string_view text) {
    if (is_plain(text) && text.find_first_of(":,'\"") == text.npos)
      out += text;
    else
      quote(text);
  }

  void scalar(std::string_view text, std::size_t depth) {
    if (is_plain(text)) {
      out += text;
    } else if (is_block(text)) {
      const bool ends = text.ends_with('\n');
      out += ends ? "|" : "|-";
      if (ends) text.remove_suffix(1);
      for (const auto line : split(text, '\n')) {
        out += '\n';
        if (!line.empty()) out.append(2 * std::max<std::size_t>(depth, 1), ' ').append(line);
      }
    } else {
      quote(text);
    }
  }
};

}  // namespace

std::string yaml_text(const json::value& value) {
  Writer writer;
  writer.value(value, 0);
  return std::move(writer.out);
}

}  // namespace osprey::ctl
