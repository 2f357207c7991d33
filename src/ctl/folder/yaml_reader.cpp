#include "ctl/folder/yaml_reader.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <sstream>

#include "base/text.h"

namespace osprey::ctl {
namespace {

using protocol::ConfigNode;

constexpr std::size_t kMostNodes = 2'000'000;  // of a file, aliases unfolded: they may grow without end
constexpr std::size_t kNodeBytes = 32;         // of a text that count as a node more
constexpr std::size_t kDeepest = 64;

// A plain scalar as YAML's core schema takes it (1.2, section 10.3.2).
ConfigNode::Scalar plain_scalar(const std::string& text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return std::monostate();
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  const std::string_view digits = text.starts_with('+') ? std::string_view(text).substr(1) : text;
  if (const auto number = parse<std::int64_t>(digits)) return *number;
  if (const auto number = parse<std::uint64_t>(digits)) return *number;
  if (digits.starts_with("0x"))
    if (const auto number = parse<std::int64_t>(digits.substr(2), 16)) return *number;
  if (digits.find_first_not_of("0123456789.eE+-") == digits.npos)
    if (const auto number = parse_double(digits); number && std::isfinite(*number)) return *number;
  return text;
}

bool is_null(const ConfigNode& node) {
  return node.kind == ConfigNode::Kind::scalar && std::holds_alternative<std::monostate>(node.scalar);
}

std::uint32_t line_of(const YAML::Mark& mark) { return static_cast<std::uint32_t>(std::max(mark.line, 0) + 1); }

// Makes nodes of what the parser comes upon. Throws a YAML::Exception where something is wrong.
class Builder final : public YAML::EventHandler {
 public:
  std::vector<ConfigNode> roots;

  // yaml-cpp does not pass over a character that no document can begin with, such as a comma: without this there would
  // be empty documents without end.
  void OnDocumentStart(const YAML::Mark& mark) override {
    if (mark.pos == document_at_) throw YAML::ParserException(mark, "no document can begin with this character");
    document_at_ = mark.pos;
    anchored_.clear();
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (is_name()) refuse_name(mark);
    add(mark, {.line = line_of(mark)}, anchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    const bool plain = tag.empty() || tag == "?";
    ConfigNode node{.line = line_of(mark), .scalar = plain ? plain_scalar(text) : ConfigNode::Scalar(text)};
    if (!is_name()) return add(mark, std::move(node), anchor);
    name(mark, text);
    keep(mark, node, anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto meant = anchored_.find(anchor);
    if (meant == anchored_.end()) throw YAML::ParserException(mark, "an alias cannot stand inside of what it means");
    if (!is_name()) return add(mark, ConfigNode(meant->second), YAML::NullAnchor);
    const auto* text = meant->second.text();
    if (!text) refuse_name(mark);
    name(mark, *text);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, ConfigNode::Kind::array, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, ConfigNode::Kind::object, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  // An object or array whose end has not come yet.
  struct Open {
    ConfigNode node;
    YAML::Mark mark;
    YAML::anchor_t anchor = YAML::NullAnchor;
    std::optional<std::string> name;  // of the member that comes next
    std::uint32_t name_line = 0;
  };

  bool is_name() const { return !open_.empty() && open_.back().node.is_object() && !open_.back().name; }

  [[noreturn]] static void refuse_name(const YAML::Mark& mark) {
    throw YAML::ParserException(mark, "a name must be a text");
  }

  void name(const YAML::Mark& mark, const std::string& text) {
    auto& object = open_.back();
    if (object.node.member(text)) throw YAML::ParserException(mark, text + " is said twice");
    object.name = text;
    object.name_line = line_of(mark);
  }

  void open(const YAML::Mark& mark, ConfigNode::Kind kind, YAML::anchor_t anchor) {
    if (is_name()) refuse_name(mark);
    open_.push_back({.node = {.kind = kind, .line = line_of(mark)}, .mark = mark, .anchor = anchor});
    count(mark, open_.back().node, open_.size() - 1);
  }

  void close() {
    auto done = std::move(open_.back());
    open_.pop_back();
    keep(done.mark, done.node, done.anchor);
    place(std::move(done.node));
  }

  void add(const YAML::Mark& mark, ConfigNode node, YAML::anchor_t anchor) {
    count(mark, node, open_.size());
    keep(mark, node, anchor);
    place(std::move(node));
  }

  // For aliases.
  void keep(const YAML::Mark& mark, const ConfigNode& node, YAML::anchor_t anchor) {
    if (anchor == YAML::NullAnchor) return;
    count(mark, node, open_.size());
    anchored_[anchor] = node;
  }

  void place(ConfigNode node) {
    if (open_.empty()) {
      if (!is_null(node)) roots.push_back(std::move(node));
      return;
    }
    auto& above = open_.back();
    if (above.name) {
      node.name = std::move(*above.name);
      node.line = above.name_line;
      above.name.reset();
    }
    above.node.children.push_back(std::move(node));
  }

  void count(const YAML::Mark& mark, const ConfigNode& node, std::size_t depth) {
    nodes_ += 1 + (node.name.size() + (node.text() ? node.text()->size() : 0)) / kNodeBytes;
    if (nodes_ > kMostNodes) throw YAML::ParserException(mark, "says too much: are its aliases endless?");
    if (depth > kDeepest) throw YAML::ParserException(mark, "is nested too deep");
    for (const auto& child : node.children) count(mark, child, depth + 1);
  }

  int document_at_ = -1;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, ConfigNode> anchored_;  // of the document
  std::size_t nodes_ = 0;
};

}  // namespace

Result<std::vector<ConfigNode>> read_yaml(const std::string& path, std::string_view text) {
  if (!is_valid_utf8(text)) return failure(path, "is not text in UTF-8");
  // YAML has no control characters (1.2, section 5.1), and yaml-cpp does not come to an end with a NUL inside.
  const auto control = std::ranges::find_if(
      text, [](unsigned char c) { return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f; });
  if (control != text.end())
    return failure(fmt::format("{}:{}", path, std::count(text.begin(), control, '\n') + 1),
                   fmt::format("has the control character 0x{:02x}: write it as \"\\x{:02x}\", in double quotes",
                               static_cast<unsigned char>(*control), static_cast<unsigned char>(*control)));
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    Builder builder;
    while (parser.HandleNextDocument(builder)) {
    }
    return std::move(builder.roots);
  } catch (const YAML::Exception& wrong) {
    return failure(fmt::format("{}:{}", path, wrong.mark.line + 1), wrong.msg);
  }
}

}  // namespace osprey::ctl
