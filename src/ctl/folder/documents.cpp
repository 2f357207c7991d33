#include "ctl/folder/documents.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "base/text.h"
#include "ctl/api.h"
#include "ctl/files.h"
#include "ctl/folder/yaml.h"
#include "ctl/folder/yaml_reader.h"
#include "protocol/config_json.h"

namespace osprey::ctl {
namespace {

namespace json = boost::json;
using protocol::ConfigNode;

constexpr std::size_t kMostFiles = 20'000;
constexpr std::int64_t kMostRank = 1'000'000;

const std::vector<std::string_view> kItemMembers{"kind", "name", "description", "tags", "enabled", "content"};
const std::vector<std::string_view> kTagMembers{"kind", "name", "description", "rank", "query", "condition"};
const std::vector<std::string_view> kKinds{"query", "pack", "file_paths", "options", "decorators", "extra", "tag"};
// What a configuration of osquery's has at its top, and a document of ours has not.
const std::vector<std::string_view> kConfigurationMembers{
    "schedule",      "packs",         "options",          "decorators", "file_paths",
    "exclude_paths", "file_accesses", "file_paths_query", "views",      "yara"};

json::value json_of(const ConfigNode& node) {
  if (node.is_object()) {
    json::object object;
    for (const auto& child : node.children) object[child.name] = json_of(child);
    return object;
  }
  if (node.is_array()) {
    json::array array;
    for (const auto& child : node.children) array.push_back(json_of(child));
    return array;
  }
  return std::visit(
      [](const auto& scalar) -> json::value {
        if constexpr (std::is_same_v<std::remove_cvref_t<decltype(scalar)>, std::monostate>)
          return nullptr;
        else
          return json::value(scalar);
      },
      node.scalar);
}

bool is_json(const std::string& path) { return path.ends_with(".json") || path.ends_with(".conf"); }

// A number that no double has room for, which JSON may write: it was read as infinity. Null: there is none.
const ConfigNode* endless_number(const ConfigNode& node) {
  if (const auto* number = std::get_if<double>(&node.scalar); number && !std::isfinite(*number)) return &node;
  for (const auto& child : node.children)
    if (const auto* found = endless_number(child)) return found;
  return nullptr;
}

// The roots of a file's documents; empty ones are left out.
Result<std::vector<ConfigNode>> roots_of(const std::string& path, std::string_view text) {
  if (!is_json(path)) return read_yaml(path, text);
  std::vector<ConfigNode> roots;
  roots.push_back(TRY(protocol::parse_config_json(path, text, protocol::ConfigForm::lenient)));
  if (const auto* number = endless_number(roots.front()))
    return failure(fmt::format("{}:{}", path, number->line), "the number is too large");
  return roots;
}

std::string stem_of(const std::string& path) { return std::filesystem::path(path).stem().string(); }

// Reads one root; what is wrong is added up.
class Reader {
 public:
  Reader(const std::string& path, std::vector<Document>& documents, std::string& faults)
      : path_(path), documents_(documents), faults_(faults) {}

  void read(const ConfigNode& root) {
    if (!root.is_object()) return fault(root.line, "a document is an object with a kind");
    if (root.member("kind")) return read_own(root);
    if (root.member("queries")) return add(root.line, "pack", stem_of(path_), item_of(root));
    const bool configuration =
        std::ranges::any_of(kConfigurationMembers, [&](std::string_view name) { return root.member(name) != nullptr; });
    if (configuration) return read_configuration(root);
    fault(root.line, "what is it? Say kind: query, pack, file_paths, options, decorators, extra or tag");
  }

 private:
  void fault(std::uint32_t line, std::string_view what) {
    faults_ += fmt::format("{}{}:{}: {}", faults_.empty() ? "" : "\n", path_, line, what);
  }

  void add(std::uint32_t line, std::string kind, std::string name, json::object body) {
    if (name.empty()) return fault(line, "the name is empty");
    documents_.push_back({std::move(kind), std::move(name), std::move(body), fmt::format("{}:{}", path_, line)});
  }

  static json::object item_of(json::object content, std::string_view description = "") {
    return {{"description", description}, {"tags", json::array()}, {"enabled", true}, {"content", std::move(content)}};
  }
  static json::object item_of(const ConfigNode& content) {
    return item_of(content.is_object() ? json_of(content).get_object() : json::object());
  }

  // A configuration of osquery's, as the server's import splits it.
  void read_configuration(const ConfigNode& root) {
    json::object paths, extra;
    const auto name = stem_of(path_);
    for (const auto& member : root.children) {
      if (member.is_object() && (member.name == "schedule" || member.name == "packs")) {
        for (const auto& each : member.children)
          if (each.is_object())
            add(each.line, member.name == "packs" ? "pack" : "query", each.name, item_of(each));
          else
            fault(each.line, fmt::format("{} names a file: put that file into the folder instead", each.name));
      } else if (member.name == "options" || member.name == "decorators") {
        add(member.line, member.name, name, item_of(member));
      } else if (member.name.starts_with("file_") || member.name == "exclude_paths") {
        paths[member.name] = json_of(member);
      } else {
        extra[member.name] = json_of(member);
      }
    }
    for (auto& [kind, content] : {std::pair<const char*, json::object&>{"file_paths", paths}, {"extra", extra}})
      if (!content.empty()) add(root.line, kind, name, item_of(std::move(content)));
  }

  void read_own(const ConfigNode& root) {
    const auto* kind = root.member("kind")->text();
    if (!kind || std::ranges::find(kKinds, *kind) == kKinds.end())
      return fault(root.member("kind")->line, near("kind", kind ? *kind : "", kKinds));
    const auto& known = *kind == "tag" ? kTagMembers : kItemMembers;
    const auto faults_before = faults_.size();
    for (const auto& member : root.children)
      if (std::ranges::find(known, member.name) == known.end()) fault(member.line, near("member", member.name, known));
    const auto* name = root.member("name");
    if (!name || !name->text()) fault(name ? name->line : root.line, "name: a text is wanted");
    auto body = *kind == "tag" ? tag_body(root) : item_body(root);
    if (faults_.size() == faults_before) add(root.line, *kind, *name->text(), std::move(body));
  }

  static std::string near(std::string_view what, const std::string& word, const std::vector<std::string_view>& known) {
    const auto nearest_word = nearest(word, known);
    if (nearest_word) return fmt::format("there is no {} \"{}\"; \"{}\" is near", what, word, *nearest_word);
    return fmt::format("there is no {} \"{}\", but {}", what, word, fmt::join(known, ", "));
  }

  std::string text(const ConfigNode& root, std::string_view name) {
    const auto* member = root.member(name);
    if (!member) return "";
    if (const auto* said = member->text()) return *said;
    fault(member->line, fmt::format("{}: a text is wanted", name));
    return "";
  }

  json::object tag_body(const ConfigNode& root) {
    json::object body{
        {"description", text(root, "description")}, {"rank", 0}, {"query", nullptr}, {"condition", nullptr}};
    if (const auto* rank = root.member("rank")) {
      const auto* number = std::get_if<std::int64_t>(&rank->scalar);
      if (number && std::abs(*number) <= kMostRank)
        body["rank"] = *number;
      else
        fault(rank->line, "rank: a whole number up to a million is wanted");
    }
    const auto* query = root.member("query");
    const auto* condition = root.member("condition");
    if (query && condition) fault(condition->line, "a query or a condition, not both");
    if (query) body["query"] = text(root, "query");
    if (condition) body["condition"] = json_of(*condition);
    return body;
  }

  json::object item_body(const ConfigNode& root) {
    auto body = item_of(json::object(), text(root, "description"));
    if (const auto* tags = root.member("tags")) body["tags"] = tags_of(*tags);
    if (const auto* enabled = root.member("enabled")) {
      if (const auto* truth = std::get_if<bool>(&enabled->scalar); truth && !enabled->is_object())
        body["enabled"] = *truth;
      else
        fault(enabled->line, "enabled: true or false is wanted");
    }
    const auto* content = root.member("content");
    if (content && content->is_object())
      body["content"] = json_of(*content);
    else
      fault(content ? content->line : root.line, "content: an object in osquery's format is wanted");
    return body;
  }

  json::array tags_of(const ConfigNode& tags) {
    std::set<std::string> names;
    for (const auto& each : tags.children)
      if (const auto* name = each.text())
        names.insert(*name);
      else
        fault(each.line, "tags: names are wanted");
    if (!tags.is_array()) fault(tags.line, "tags: a list of names is wanted");
    return json::array(names.begin(), names.end());
  }

  const std::string& path_;
  std::vector<Document>& documents_;
  std::string& faults_;
};

std::string_view folder_of(std::string_view kind) {
  if (kind == "query") return "queries";
  if (kind == "pack") return "packs";
  if (kind == "tag") return "tags";
  return kind;
}

bool is_document_file(const std::filesystem::path& path) {
  const auto extension = path.extension();
  return extension == ".yaml" || extension == ".yml" || extension == ".json" || extension == ".conf";
}

// FNV-1a, to tell names apart that look alike as files.
std::uint32_t hash_of(std::string_view text) {
  std::uint32_t hash = 2166136261;
  for (const unsigned char c : text) hash = (hash ^ c) * 16777619;
  return hash;
}

// The files of documents below a folder, in order; a file itself.
Result<std::vector<std::string>> files_in(const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code failed;
  const auto status = fs::status(folder, failed);
  if (!fs::exists(status)) return failure(folder, "there is none");
  if (!fs::is_directory(status)) return std::vector{folder};
  std::vector<std::string> paths;
  for (fs::recursive_directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed)) {
    if (at->path().filename().string().starts_with('.')) {
      at.disable_recursion_pending();
    } else if (is_document_file(at->path()) && at->is_regular_file()) {
      paths.push_back(at->path().string());
      if (paths.size() > kMostFiles) return failure(folder, "has more than 20,000 files");
    }
  }
  if (failed) return failure(folder, failed.message());
  std::ranges::sort(paths);
  return paths;
}

}  // namespace

std::vector<std::string> item_kinds() { return {kKinds.begin(), kKinds.end() - 1}; }

Result<std::vector<Document>> read_documents(const std::string& path, std::string_view text) {
  if (!is_valid_utf8(text)) return failure(path, "is not text in UTF-8");
  std::vector<Document> documents;
  std::string faults;
  for (const auto& root : TRY(roots_of(path, text))) Reader(path, documents, faults).read(root);
  if (!faults.empty()) return failure("", std::move(faults));
  return documents;
}

Result<json::object> read_content(const std::string& path, std::string_view text) {
  const auto roots = TRY(roots_of(path, text));
  if (roots.size() != 1 || !roots.front().is_object()) return failure(path, "one object is wanted");
  return json_of(roots.front()).get_object();
}

Result<std::vector<Document>> read_folder(const std::string& folder) {
  std::vector<Document> documents;
  std::map<std::string, std::string> where;
  std::string faults;
  for (const auto& path : TRY(files_in(folder))) {
    const auto text = read_file(path);
    auto read = text ? read_documents(path, *text) : std::unexpected(text.error());
    if (!read) {
      faults += (faults.empty() ? "" : "\n") + read.error().text();
      continue;
    }
    for (auto& document : *read) {
      const auto [first, fresh] = where.emplace(document.title(), document.where);
      if (!fresh)
        faults += fmt::format("{}{}: {} is in {} already", faults.empty() ? "" : "\n", document.where, document.title(),
                              first->second);
      documents.push_back(std::move(document));
    }
  }
  if (!faults.empty()) return failure("", std::move(faults));
  return documents;
}

Document document_of_item(const json::value& item) {
  Document made{.kind = json::value_to<std::string>(member_at(item, "kind")),
                .name = json::value_to<std::string>(member_at(item, "name")),
                .body = {},
                .where = "server"};
  for (const auto* name : {"description", "tags", "enabled", "content"}) made.body[name] = member_at(item, name);
  if (auto* tags = made.body["tags"].if_array())
    std::ranges::sort(*tags, {}, [](const json::value& tag) { return json::serialize(tag); });
  return made;
}

Document document_of_tag(const json::value& tag) {
  Document made{
      .kind = "tag", .name = json::value_to<std::string>(member_at(tag, "name")), .body = {}, .where = "server"};
  for (const auto* name : {"description", "rank", "query", "condition"}) made.body[name] = member_at(tag, name);
  return made;
}

std::string text_of(const Document& document) {
  json::object shown{{"kind", document.kind}, {"name", document.name}};
  for (const auto& each : document.body) {
    const auto& value = each.value();
    const bool usual = value.is_null() || (value.is_string() && value.get_string().empty()) ||
                       (each.key() == "tags" && value.is_array() && value.get_array().empty()) ||
                       (each.key() == "enabled" && value == json::value(true)) ||
                       (each.key() == "rank" && value == json::value(0));
    if (!usual) shown[each.key()] = value;
  }
  return yaml_text(shown);
}

std::string file_of(const Document& document) {
  std::string name;
  for (const char c : document.name) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    name += plain ? c : '_';
  }
  constexpr std::size_t kLongest = 100;
  if (name != document.name || name.starts_with('.') || name.size() > kLongest)
    name = fmt::format("_{}-{:08x}", name.substr(0, kLongest), hash_of(document.name));
  return fmt::format("{}/{}.yaml", folder_of(document.kind), name);
}

}  // namespace osprey::ctl
