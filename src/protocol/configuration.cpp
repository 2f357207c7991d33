#include "protocol/configuration.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <limits>
#include <tuple>
#include <utility>

#include "base/text.h"
#include "protocol/config_json.h"

namespace osprey::protocol {
namespace {

constexpr std::uint64_t kLongestInterval = 604'800;  // a week
constexpr std::uint64_t kDecoratorUnit = 60;
constexpr auto kNoPriority = std::numeric_limits<std::uint64_t>::max();

using Names = std::vector<std::string_view>;

const Names& settings_keys() {
  static const Names names{"options",       "decorators",
                           "file_paths",    "file_paths_query",
                           "file_accesses", "exclude_paths",
                           "yara",          "events",
                           "event_filters", "auto_table_construction",
                           "views",         "prometheus_targets",
                           "kafka_topics",  "feature_vectors",
                           "logger"};
  return names;
}

Names with_settings_keys(Names names) {
  names.insert(names.end(), settings_keys().begin(), settings_keys().end());
  return names;
}

const Names& document_keys() {
  // The last two are a server's, to the agent that asks it.
  static const auto names = with_settings_keys({"schedule", "packs", "etag", "node_invalid"});
  return names;
}

const Names& pack_keys() {
  static const auto names =
      with_settings_keys({"queries", "discovery", "platform", "version", "shard", "oncall", "description"});
  return names;
}

const Names& query_keys() {
  static const Names names{"query", "interval", "snapshot",         "removed",     "platform", "version",
                           "shard", "denylist", "startup_priority", "description", "value",    "blacklist"};
  return names;
}

// A flag's value; none for null.
std::optional<std::string> option_text(const ConfigNode& node) {
  if (const auto* text = node.text()) return *text;
  if (node.kind == ConfigNode::Kind::scalar) {
    if (std::holds_alternative<std::monostate>(node.scalar)) return std::nullopt;
    if (const auto* number = std::get_if<double>(&node.scalar)) {
      constexpr double kBeyond = 18446744073709551616.0;  // the cast is defined below this only
      const bool castable = *number > -1 && *number < kBeyond;
      return std::to_string(castable ? static_cast<std::uint64_t>(*number) : 0);
    }
  }
  return config_json_text(node);
}

bool is_true(const ConfigNode& node) {
  if (node.kind != ConfigNode::Kind::scalar) return false;
  if (const auto* value = std::get_if<bool>(&node.scalar)) return *value;
  if (const auto* value = std::get_if<std::int64_t>(&node.scalar)) return *value != 0;
  if (const auto* value = std::get_if<std::uint64_t>(&node.scalar)) return *value != 0;
  if (const auto* text = node.text()) return equal_ignoring_case(*text, "true") || equal_ignoring_case(*text, "t");
  return false;
}

// A whole number, also as text. What is none is 0, and a negative or broken one what osquery takes it for: its bits.
std::uint64_t number(const ConfigNode& node) {
  if (node.kind != ConfigNode::Kind::scalar) return 0;
  if (const auto* value = std::get_if<std::int64_t>(&node.scalar)) return static_cast<std::uint64_t>(*value);
  if (const auto* value = std::get_if<std::uint64_t>(&node.scalar)) return *value;
  if (const auto* value = std::get_if<double>(&node.scalar)) return std::bit_cast<std::uint64_t>(*value);
  if (const auto* text = node.text()) return parse<std::uint64_t>(*text).value_or(0);
  return 0;
}

// The number without a dash, sign bit or fraction as a person wrote it.
std::string as_written(const ConfigNode& node) { return node.text() ? *node.text() : config_json_text(node); }

bool is_a_count(const ConfigNode& node) {
  if (const auto* text = node.text()) return parse<std::uint64_t>(*text).has_value();
  if (const auto* value = std::get_if<std::int64_t>(&node.scalar)) return *value >= 0;
  return std::holds_alternative<std::uint64_t>(node.scalar);
}

std::string stem(std::string_view path) {
  path.remove_prefix(path.rfind('/') + 1);  // npos + 1 is 0
  const auto dot = path.rfind('.');
  return std::string(dot == path.npos || dot == 0 ? path : path.substr(0, dot));
}

void sort_queries(std::vector<Query>& queries) {
  const auto order = [](const Query& query) {
    return std::pair(query.startup_priority.value_or(kNoPriority), std::string_view(query.name));
  };
  std::ranges::sort(queries, {}, order);
}

// Reads one document; what is wrong in a part of it leaves that part out and is noted.
class Reader {
 public:
  Reader(Document& document, ConfigForm form, const PackFiles& files)
      : document_(document), form_(form), files_(files), file_(document.source) {}

  // In osquery's order: the schedule, the packs, everything else.
  void read(const ConfigNode& root) {
    const Path path(*this, "");
    check_keys(root, document_keys());
    if (const auto* schedule = root.member("schedule")) {
      if (object(*schedule)) {
        Pack main;
        main.name = "main";
        main.source = document_.source;
        const Path inner(*this, "schedule");
        read_queries(*schedule, main);
        document_.schedule = std::move(main);
      }
    }
    if (const auto* packs = root.member("packs"); packs && object(*packs)) {
      const Path inner(*this, "packs");
      check_repeats(*packs);
      for_members(*packs, [&](const ConfigNode& member) { read_packs(member); });
    }
    read_settings(root, document_);
  }

 private:
  // Where notes are, from the document's or file's top.
  class Path {
   public:
    Path(Reader& reader, std::string_view name) : reader_(reader), before_(reader.path_.size()) {
      if (!reader.path_.empty()) reader.path_ += '.';
      reader.path_ += name;
    }
    ~Path() { reader_.path_.resize(before_); }

   private:
    Reader& reader_;
    std::size_t before_;
  };

  void note(const ConfigNode& node, std::string text, std::string osquery = {}) {
    constexpr std::size_t kMostNotes = 256;
    if (document_.notes.size() >= kMostNotes) return;
    std::string key = path_;
    if (!node.name.empty()) key += (key.empty() ? "" : ".") + node.name;
    document_.notes.push_back({.where = fmt::format("{}:{}{}{}", file_, node.line, key.empty() ? "" : ": ", key),
                               .text = std::move(text),
                               .osquery = std::move(osquery)});
  }

  template <class F>
  static void for_members(const ConfigNode& object, F&& take) {
    std::map<std::string_view, const ConfigNode*> seen;
    for (const auto& member : object.children)
      if (seen.try_emplace(member.name, &member).second) take(member);
  }

  void check_repeats(const ConfigNode& object) {
    std::map<std::string_view, std::uint32_t> seen;
    for (const auto& member : object.children)
      if (const auto [first, fresh] = seen.try_emplace(member.name, member.line); !fresh)
        note(member, fmt::format("stands here a second time; the first, on line {}, counts", first->second));
  }

  void check_keys(const ConfigNode& object, const Names& known) {
    check_repeats(object);
    for (const auto& member : object.children) {
      if (std::ranges::find(known, member.name) != known.end()) continue;
      constexpr std::size_t kLongest = 64;  // what is longer is no key misspelt
      const auto meant = member.name.size() > kLongest ? std::nullopt : nearest(member.name, known);
      note(member, fmt::format("unknown key, ignored{}", meant ? fmt::format("; did you mean {}?", *meant) : ""));
    }
  }

  bool object(const ConfigNode& node) {
    if (node.is_object()) return true;
    note(node, "is not an object; ignored");
    return false;
  }

  std::string text_member(const ConfigNode& object, std::string_view name) {
    const auto* node = object.member(name);
    if (!node) return {};
    if (const auto* text = node->text()) return *text;
    if (!std::holds_alternative<std::monostate>(node->scalar) || node->kind != ConfigNode::Kind::scalar)
      note(*node, "is not a text; ignored");
    return {};
  }

  std::vector<std::string> texts(const ConfigNode& list) {
    std::vector<std::string> found;
    if (!list.is_array()) {
      note(list, "is not a list of texts; ignored");
      return found;
    }
    for (const auto& one : list.children) {
      if (const auto* text = one.text())
        found.push_back(*text);
      else
        note(list, "holds something that is not a text; ignored");
    }
    return found;
  }

  std::optional<unsigned> shard(const ConfigNode& object) {
    const auto* node = object.member("shard");
    if (!node) return std::nullopt;
    const auto value = number(*node);
    if (!is_a_count(*node) || value == 0 || value > 100) {
      note(*node, fmt::format("is {}, not a number from 1 to 100", as_written(*node)));
      if (value == 0) return std::nullopt;
    }
    return static_cast<unsigned>(std::min<std::uint64_t>(value, 100));
  }

  bool flag(const ConfigNode& object, std::string_view name, bool otherwise) {
    const auto* node = object.member(name);
    return node ? is_true(*node) : otherwise;
  }

  void read_queries(const ConfigNode& queries, Pack& pack) {
    check_repeats(queries);
    for_members(queries, [&](const ConfigNode& one) {
      if (auto query = read_query(one)) pack.queries.push_back(std::move(*query));
    });
    sort_queries(pack.queries);
  }

  std::optional<Query> read_query(const ConfigNode& node) {
    if (is_reserved(node)) return std::nullopt;
    if (!object(node)) return std::nullopt;
    const Path path(*this, node.name);
    check_keys(node, query_keys());
    Query query;
    query.name = node.name;
    const auto* sql = node.member("query");
    if (const auto* text = sql ? sql->text() : nullptr) query.sql = *text;
    if (query.sql.empty()) {
      note(sql ? *sql : without_name(node), sql ? "is not SQL; this query is left out" : "has no \"query\"; left out");
      return std::nullopt;
    }
    if (const auto* interval = node.member("interval")) {
      query.interval = interval_of(*interval, query.name);
      if (!query.interval) return std::nullopt;
    }
    query.snapshot = flag(node, "snapshot", false);
    query.removed = flag(node, "removed", true);
    query.denylist = flag(node, "denylist", true);
    query.platform = text_member(node, "platform");
    query.version = text_member(node, "version");
    query.shard = shard(node);
    if (const auto* priority = node.member("startup_priority"))
      if (const auto value = number(*priority); value != kNoPriority) query.startup_priority = value;
    return query;
  }

  // Notes about an object whose name is in the path already.
  static ConfigNode without_name(const ConfigNode& node) {
    return {.kind = node.kind, .line = node.line, .name = {}, .scalar = {}, .children = {}};
  }

  // Names that the agent's own keys in the store could be taken for.
  bool is_reserved(const ConfigNode& node) {
    const std::string_view name = node.name;
    for (const std::string_view prefix : {"query.", "cache.", "config_views."}) {
      if (!name.starts_with(prefix)) continue;
      auto words = fmt::format(
          "Invalid query name: {} starts with one of the reserved prefixes: query., cache., config_views.", name);
      note(node, words, words);
      return true;
    }
    for (const std::string_view suffix : {"epoch", "counter"}) {
      if (!name.ends_with(suffix)) continue;
      auto words = fmt::format("Invalid query name: {} ends with one of the reserved suffixes: epoch, counter", name);
      note(node, words, words);
      return true;
    }
    return false;
  }

  std::optional<std::uint64_t> interval_of(const ConfigNode& node, const std::string& query) {
    // A whole number with a fraction of nothing is one in the lenient form.
    if (const auto* real = std::get_if<double>(&node.scalar); real && form_ == ConfigForm::lenient)
      if (const auto whole = static_cast<std::uint64_t>(std::clamp(*real, 0.0, 1e9));
          whole >= 1 && whole <= kLongestInterval && static_cast<double>(whole) == *real)
        return whole;
    const auto seconds = number(node);
    if (seconds >= 1 && seconds <= kLongestInterval) return seconds;
    note(node,
         fmt::format("is {}, not a number of seconds from 1 to {}; this query is left out", as_written(node),
                     kLongestInterval),
         fmt::format("Query has invalid interval: {}: {}", query, seconds));
    return std::nullopt;
  }

  // One member of "packs": a body, the path of a file with one, or under "*" several bodies or a pattern of paths.
  void read_packs(const ConfigNode& node) {
    if (node.is_object()) {
      if (node.name != "*") {
        const Path path(*this, node.name);
        return read_pack(node.name, {}, node);
      }
      const Path path(*this, node.name);
      check_repeats(node);
      for_members(node, [&](const ConfigNode& inner) {
        if (!object(inner)) return;
        const Path deeper(*this, inner.name);
        read_pack(inner.name, {}, inner);
      });
      return;
    }
    const auto* where = node.text();
    if (!where) return note(node, "is neither a pack nor the path of one; ignored");
    if (node.name != "*") return read_pack_file(node, node.name, *where);
    const auto found = files_.match(*where);
    if (found.empty()) note(node, fmt::format("no file matches {}", *where));
    for (const auto& file : found) read_pack_file(node, stem(file), file);
  }

  void read_pack_file(const ConfigNode& node, const std::string& name, const std::string& path) {
    const auto text = files_.read(path);
    if (!text)
      note(node, text.error().text(), fmt::format("Error reading the query pack named: {}", name));
    else if (use_pack_file(name, path, *text, &node))
      return;
    const auto before = files_.last_good(path);
    if (before && use_pack_file(name, path, *before, nullptr))
      note(node, fmt::format("what {} said before stays in force", path));
  }

  // False: it cannot be used, which is noted at `node` if there is one.
  bool use_pack_file(const std::string& name, const std::string& path, const std::string& text,
                     const ConfigNode* node) {
    const auto body = parse_config_json(path, text, form_);
    if (!body) {
      if (node) note(*node, body.error().text(), fmt::format("Error parsing the query pack named: {}", name));
      return false;
    }
    const auto file = std::exchange(file_, path);
    const auto outer = std::exchange(path_, {});
    read_pack(name, path, *body);
    file_ = file;
    path_ = outer;
    document_.pack_files.insert_or_assign(path, text);
    return true;
  }

  void read_pack(const std::string& name, std::string path, const ConfigNode& body) {
    check_keys(body, pack_keys());
    Pack pack;
    pack.name = name;
    pack.source = document_.source;
    pack.path = std::move(path);
    pack.platform = text_member(body, "platform");
    pack.version = text_member(body, "version");
    pack.shard = shard(body);
    pack.oncall = text_member(body, "oncall");
    if (const auto* discovery = body.member("discovery")) pack.discovery = texts(*discovery);
    if (const auto* queries = body.member("queries"); queries && object(*queries)) {
      const Path inner(*this, "queries");
      read_queries(*queries, pack);
    }
    read_settings(body, pack.settings);
    // The same name from the same source replaces.
    const auto same = std::ranges::find(document_.packs, name, &Pack::name);
    if (same == document_.packs.end())
      document_.packs.push_back(std::move(pack));
    else
      *same = std::move(pack);
  }

  // A member that holds an object or a list; osquery warns of others.
  const ConfigNode* section(const ConfigNode& root, std::string_view name) {
    const auto* node = root.member(name);
    if (!node || node->kind != ConfigNode::Kind::scalar) return node;
    note(*node, "is neither an object nor a list; ignored",
         fmt::format("Error config {} should be an array or object", name));
    return nullptr;
  }

  // The members of a section that must be an object.
  template <class F>
  void for_section(const ConfigNode& root, std::string_view name, F&& take) {
    const auto* node = section(root, name);
    if (!node || !object(*node)) return;
    check_repeats_in(*node, name);
    const Path path(*this, name);
    for_members(*node, take);
  }

  void check_repeats_in(const ConfigNode& node, std::string_view name) {
    const Path path(*this, name);
    check_repeats(node);
  }

  void read_settings(const ConfigNode& root, Settings& settings) {
    for_section(root, "options", [&](const ConfigNode& node) {
      auto value = option_text(node);
      if (!value || !value->empty()) settings.options.push_back({node.name, std::move(value)});
    });
    read_decorators(root, settings.decorators);
    read_files(root, settings.files);
    read_json(root, "yara", settings.yara);
    read_events(root, settings);
    read_event_filters(root, settings.event_filters);
    for_section(root, "auto_table_construction", [&](const ConfigNode& node) {
      if (auto table = read_auto_table(node)) settings.auto_tables.push_back(std::move(*table));
    });
    for_section(root, "views", [&](const ConfigNode& node) {
      if (const auto* sql = node.text())
        settings.views.emplace(node.name, *sql);
      else
        note(node, "is not SQL; ignored");
    });
    read_prometheus(root, settings);
    read_categories(root, "kafka_topics", settings.kafka_topics);
    read_json(root, "feature_vectors", settings.feature_vectors);
    section(root, "logger");  // only its form: nothing reads it
  }

  void read_decorators(const ConfigNode& root, Decorators& decorators) {
    static const Names keys{"load", "always", "interval"};
    const auto* node = section(root, "decorators");
    if (!node || !object(*node)) return;
    const Path path(*this, "decorators");
    check_keys(*node, keys);
    if (const auto* load = node->member("load")) decorators.load = texts(*load);
    if (const auto* always = node->member("always")) decorators.always = texts(*always);
    const auto* interval = node->member("interval");
    if (!interval || !object(*interval)) return;
    const Path inner(*this, "interval");
    check_repeats(*interval);
    for_members(*interval, [&](const ConfigNode& one) {
      const auto rate = parse<std::uint64_t>(one.name);
      if (!rate || *rate == 0)  // osquery takes these and divides by zero later
        return note(one, "is not a number of seconds; ignored");
      if (*rate % kDecoratorUnit != 0)
        return note(one, "is not a multiple of 60 seconds; ignored",
                    fmt::format("Invalid decorator interval rate {} in config source: {}", *rate, document_.source));
      decorators.interval.insert_or_assign(*rate, texts(one));
    });
  }

  void read_categories(const ConfigNode& root, std::string_view name, Categories& categories) {
    for_section(root, name, [&](const ConfigNode& node) { categories.emplace(node.name, texts(node)); });
  }

  void read_files(const ConfigNode& root, FileMonitoring& files) {
    read_categories(root, "file_paths", files.paths);
    read_categories(root, "file_paths_query", files.path_queries);
    const auto* accesses = section(root, "file_accesses");
    const auto* excluded = section(root, "exclude_paths");
    // osquery reads these two beside one of the others only.
    if (!root.member("file_paths") && !root.member("file_paths_query")) {
      for (const auto* node : {accesses, excluded})
        if (node) note(*node, "has no effect without file_paths");
      return;
    }
    if (accesses) files.accesses = texts(*accesses);
    if (excluded) read_categories(root, "exclude_paths", files.exclude_paths);
  }

  void read_json(const ConfigNode& root, std::string_view name, std::string& text) {
    const auto* node = section(root, name);
    if (node && object(*node)) text = config_json_text(*node);
  }

  void read_events(const ConfigNode& root, Settings& settings) {
    static const Names keys{"enable_subscribers", "disable_subscribers"};
    const auto* node = section(root, "events");
    if (!node || !object(*node)) return;
    const Path path(*this, "events");
    check_keys(*node, keys);
    if (const auto* enabled = node->member(keys[0])) settings.enabled_subscribers = texts(*enabled);
    if (const auto* disabled = node->member(keys[1])) settings.disabled_subscribers = texts(*disabled);
  }

  // A list of rules, each a text or an object with "rule".
  void read_event_filters(const ConfigNode& root, std::vector<EventFilter>& filters) {
    static const Names keys{"rule", "id", "tables", "description"};
    const auto* node = section(root, "event_filters");
    if (!node) return;
    if (!node->is_array()) return note(*node, "is not a list of rules; ignored");
    const Path path(*this, "event_filters");
    for (const auto& child : node->children) {
      // Where an object begins in a list is not known, but where its first member is.
      auto one = child;
      if (!one.children.empty()) one.line = one.children.front().line;
      EventFilter filter;
      if (const auto* text = one.text()) {
        filter.rule = *text;
      } else if (one.is_object()) {
        check_keys(one, keys);
        filter.rule = text_member(one, "rule");
        filter.id = text_member(one, "id");
        if (const auto* tables = one.member("tables")) filter.tables = texts(*tables);
      }
      if (filter.rule.empty()) {
        note(one, "is neither a rule nor an object that has a \"rule\"; left out");
        continue;
      }
      if (filter.id.empty()) filter.id = fmt::format("{}:{}", file_, one.line);
      filters.push_back(std::move(filter));
    }
  }

  std::optional<AutoTable> read_auto_table(const ConfigNode& node) {
    static const Names keys{"query", "path", "columns", "platform", "description"};
    if (!object(node)) return std::nullopt;
    const Path path(*this, node.name);
    check_keys(node, keys);
    AutoTable table;
    table.name = node.name;
    table.sql = text_member(node, "query");
    table.path = text_member(node, "path");
    table.platform = text_member(node, "platform");
    if (const auto* columns = node.member("columns")) table.columns = texts(*columns);
    const auto* missing = table.sql.empty()       ? "query"
                          : table.path.empty()    ? "path"
                          : table.columns.empty() ? "columns"
                                                  : nullptr;
    if (!missing) return table;
    note(without_name(node), fmt::format("has no \"{}\"; this table is left out", missing),
         fmt::format("ATC Table: Skipping {} because it is misconfigured (no {})", table.name, missing));
    return std::nullopt;
  }

  void read_prometheus(const ConfigNode& root, Settings& settings) {
    static const Names keys{"urls", "timeout"};
    const auto* node = section(root, "prometheus_targets");
    if (!node || !object(*node)) return;
    const Path path(*this, "prometheus_targets");
    check_keys(*node, keys);
    PrometheusTargets targets;
    if (const auto* urls = node->member("urls"))
      targets.urls = texts(*urls);
    else
      note(without_name(*node), "has no \"urls\"");
    if (const auto* timeout = node->member("timeout")) {
      const auto seconds = parse_double(as_written(*timeout));
      if (seconds && *seconds > 0)
        targets.timeout_s = *seconds;
      else
        note(*timeout, "is not a number of seconds; 1 is taken");
    }
    settings.prometheus = std::move(targets);
  }

  Document& document_;
  ConfigForm form_;
  const PackFiles& files_;
  std::string file_;  // that is being read: the source or a pack's file
  std::string path_;
};

// The number that a part of a version begins with.
std::uint64_t leading_number(std::string_view part) {
  const auto end = std::ranges::find_if_not(part, [](char c) { return c >= '0' && c <= '9'; });
  return parse<std::uint64_t>({part.begin(), end}).value_or(0);
}

}  // namespace

Result<Document> parse_document(std::string source, std::string_view text, ConfigForm form, const PackFiles& files) {
  const auto root = TRY(parse_config_json(source, text, form));
  Document document;
  document.source = std::move(source);
  Reader(document, form, files).read(root);
  return document;
}

bool runs_on_linux(std::string_view platform) {
  if (platform.empty() || platform == "null") return true;
  constexpr auto kWords = std::to_array<std::string_view>({"any", "all", "linux", "ubuntu", "centos", "posix"});
  return std::ranges::any_of(kWords, [&](std::string_view word) { return platform.contains(word); });
}

bool version_satisfies(std::string_view version, std::string_view required) {
  constexpr std::string_view kAnything = "0.0.0";
  if (required.empty() || required == kAnything || version == kAnything) return true;
  const auto have = split(version, '.');
  const auto want = split(required, '.');
  for (std::size_t i = 0; i < want.size() && i < have.size(); ++i) {
    const auto ours = leading_number(have[i]);
    const auto theirs = leading_number(want[i]);
    if (ours != theirs) return ours > theirs;
  }
  return true;
}

unsigned shard_number(std::string_view host_name) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  EVP_Digest(host_name.data(), host_name.size(), digest.data(), nullptr, EVP_sha1(), nullptr);
  return digest[0] * 100u / 255u;
}

}  // namespace osprey::protocol
