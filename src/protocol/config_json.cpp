#include "protocol/config_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <functional>
#include <utility>

#include "base/json.h"
#include "base/text.h"

namespace osprey::protocol {
namespace {

namespace json = boost::json;

constexpr std::size_t kDeepest = 32;
constexpr std::size_t kMostValues = 400'000;  // a node takes a hundred bytes: 4 MiB of "[[],[],…" must not take 200 MiB

// Takes out lines of comment and joins lines that end in a backslash; line ends are kept (those of joined lines after
// them), so that places in errors and notes are right.
std::string without_comments(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  std::string line;
  std::size_t joined = 0;
  constexpr auto kNone = std::string_view::npos;
  while (!text.empty()) {
    const auto end = text.find('\n');
    line += text.substr(0, end);
    text.remove_prefix(end == kNone ? text.size() : end + 1);
    if (end != kNone && line.ends_with('\\')) {
      line.pop_back();
      ++joined;
      continue;
    }
    const auto content = trim_left(line);
    if (!content.starts_with('#') && !content.starts_with("//")) plain += line;
    plain.append(std::exchange(joined, 0) + (end != kNone ? 1 : 0), '\n');
    line.clear();
  }
  return plain;
}

// Makes the tree of what the parser reports.
class Builder {
 public:
  static constexpr std::size_t max_object_size = kMostValues;
  static constexpr std::size_t max_array_size = kMostValues;
  static constexpr std::size_t max_key_size = kLargestConfig + 1;
  static constexpr std::size_t max_string_size = kLargestConfig + 1;

  explicit Builder(std::string_view text) : text_(text) {}

  ConfigNode root;

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code& error) { return open(ConfigNode::Kind::object, error); }
  bool on_object_end(std::size_t, json::error_code&) { return close(); }
  bool on_array_begin(json::error_code& error) { return open(ConfigNode::Kind::array, error); }
  bool on_array_end(std::size_t, json::error_code&) { return close(); }
  bool on_key_part(json::string_view part, std::size_t, json::error_code&) {
    begin_key(part);
    key_.append(part.data(), part.size());
    return true;
  }
  bool on_key(json::string_view part, std::size_t, json::error_code&) {
    begin_key(part);
    key_.append(part.data(), part.size());
    in_key_ = false;
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, json::error_code&) {
    string_.append(part.data(), part.size());
    return true;
  }
  bool on_string(json::string_view part, std::size_t, json::error_code& error) {
    string_.append(part.data(), part.size());
    return add(std::exchange(string_, {}), error);
  }
  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(std::int64_t value, json::string_view, json::error_code& error) { return add(value, error); }
  bool on_uint64(std::uint64_t value, json::string_view, json::error_code& error) { return add(value, error); }
  bool on_double(double value, json::string_view, json::error_code& error) { return add(value, error); }
  bool on_bool(bool value, json::error_code& error) { return add(value, error); }
  bool on_null(json::error_code& error) { return add(std::monostate{}, error); }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

 private:
  void begin_key(json::string_view part) {
    if (!std::exchange(in_key_, true)) key_.clear();
    // A part with escapes in it is a copy, which says nothing of its place.
    const std::less_equal<> before;
    if (!before(text_.data(), part.data()) || !before(part.data() + part.size(), text_.data() + text_.size())) return;
    const auto offset = static_cast<std::size_t>(part.data() - text_.data());
    if (offset <= counted_) return;
    line_ += static_cast<std::uint32_t>(std::ranges::count(text_.substr(counted_, offset - counted_), '\n'));
    counted_ = offset;
  }

  ConfigNode make(ConfigNode::Kind kind, ConfigNode::Scalar scalar) {
    return {.kind = kind, .line = line_, .name = std::exchange(key_, {}), .scalar = std::move(scalar), .children = {}};
  }

  bool is_one_too_many(json::error_code& error) {
    if (++values_ <= kMostValues) return false;
    error = json::error::array_too_large;
    return true;
  }

  bool open(ConfigNode::Kind kind, json::error_code& error) {
    if (is_one_too_many(error)) return false;
    open_.push_back(make(kind, {}));
    return true;
  }

  bool close() {
    auto done = std::move(open_.back());
    open_.pop_back();
    place(std::move(done));
    return true;
  }

  bool add(ConfigNode::Scalar scalar, json::error_code& error) {
    if (is_one_too_many(error)) return false;
    place(make(ConfigNode::Kind::scalar, std::move(scalar)));
    return true;
  }

  void place(ConfigNode node) {
    if (open_.empty())
      root = std::move(node);
    else
      open_.back().children.push_back(std::move(node));
  }

  std::string_view text_;
  std::size_t counted_ = 0;
  std::uint32_t line_ = 1;
  std::string key_;
  bool in_key_ = false;
  std::string string_;
  std::vector<ConfigNode> open_;
  std::size_t values_ = 0;
};

std::string place(std::string_view text, std::size_t offset) {
  const auto before = text.substr(0, offset);
  const auto line = 1 + std::ranges::count(before, '\n');
  const auto column = before.size() - (before.rfind('\n') + 1) + 1;  // npos + 1 is 0: the first line
  return fmt::format("line {}, column {}", line, column);
}

std::string reason(const json::error_code& error) {
  if (error == json::error::too_deep) return std::string(kTooDeep);
  if (error == json::error::array_too_large || error == json::error::object_too_large)
    return fmt::format("more than {} values", kMostValues);
  return error.message();
}

std::string number_text(double value) {
  auto text = fmt::format("{}", value);
  if (text.find_first_of(".en") == text.npos) text += ".0";
  return text;
}

void append_text(std::string& out, const ConfigNode& node) {
  if (node.kind == ConfigNode::Kind::scalar) {
    struct {
      std::string& out;
      void operator()(std::monostate) const { out += "null"; }
      void operator()(bool value) const { out += value ? "true" : "false"; }
      void operator()(double value) const { out += number_text(value); }
      void operator()(const std::string& value) const { append_json_string(out, value); }
      void operator()(std::int64_t value) const { out += std::to_string(value); }
      void operator()(std::uint64_t value) const { out += std::to_string(value); }
    } writer{out};
    return std::visit(writer, node.scalar);
  }
  out += node.is_object() ? '{' : '[';
  bool first = true;
  for (const auto& child : node.children) {
    if (!std::exchange(first, false)) out += ',';
    if (node.is_object()) {
      append_json_string(out, child.name);
      out += ':';
    }
    append_text(out, child);
  }
  out += node.is_object() ? '}' : ']';
}

}  // namespace

const ConfigNode* ConfigNode::member(std::string_view wanted) const noexcept {
  if (!is_object()) return nullptr;
  const auto found = std::ranges::find(children, wanted, &ConfigNode::name);
  return found == children.end() ? nullptr : &*found;
}

Result<ConfigNode> parse_config_json(const std::string& source, std::string_view text, ConfigForm form) {
  const auto plain = without_comments(text);
  if (plain.size() > kLargestConfig)
    return failure(source, fmt::format("the configuration is larger than {} bytes", kLargestConfig));
  json::parse_options options;
  options.max_depth = kDeepest;
  options.allow_invalid_utf8 = true;
  options.allow_comments = form == ConfigForm::lenient;
  options.allow_trailing_commas = form == ConfigForm::lenient;
  json::basic_parser<Builder> parser(options, plain);
  json::error_code error;
  const auto read = parser.write_some(false, plain.data(), plain.size(), error);
  if (!error && !trim(std::string_view(plain).substr(read)).empty()) error = json::error::extra_data;
  if (error) return failure(source, fmt::format("{}: {}", place(plain, read), reason(error)));
  auto& root = parser.handler().root;
  if (!root.is_object()) return failure(source, "the configuration is not an object");
  return std::move(root);
}

std::string config_json_text(const ConfigNode& node) {
  std::string text;
  append_text(text, node);
  return text;
}

}  // namespace osprey::protocol
