#include "agent/config/configuration.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <ranges>

#include "agent/config/yara_settings.h"
#include "agent/events/event_demand.h"
#include "agent/program.h"
#include "base/text.h"

namespace osprey::agent {
namespace {

namespace json = boost::json;
using protocol::ConfigNote;
using protocol::Settings;

constexpr std::string_view kVerbose = "verbose";

// The nearest flag that options may set.
std::string nearest_option(std::string_view name) {
  constexpr std::size_t kLongest = 64;
  if (name.size() > kLongest) return {};
  std::vector<std::string_view> names;
  for (const auto& flag : kFlags)
    if (flag.kind == FlagKind::option || flag.kind == FlagKind::hidden) names.push_back(flag.name);
  const auto found = nearest(name, names);
  return found ? fmt::format("; did you mean {}?", *found) : std::string();
}

void append_missing(std::vector<std::string>& list, const std::vector<std::string>& more) {
  for (const auto& one : more)
    if (std::ranges::find(list, one) == list.end()) list.push_back(one);
}

// Objects of objects or lists, joined by name: lists are joined, anything else is replaced.
void merge_json(json::object& into, const json::object& from) {
  for (const auto& [key, value] : from) {
    auto& target = into[key];
    if (target.is_object() && value.is_object()) {
      merge_json(target.as_object(), value.as_object());
    } else if (target.is_array() && value.is_array()) {
      for (const auto& one : value.as_array())
        if (std::ranges::find(target.as_array(), one) == target.as_array().end()) target.as_array().push_back(one);
    } else {
      target = value;
    }
  }
}

std::string merged_json(const std::string& into, const std::string& from) {
  if (into.empty() || from.empty()) return into.empty() ? from : into;
  json::error_code error;
  auto merged = json::parse(into, error);
  const auto more = json::parse(from, error);
  if (!merged.is_object() || !more.is_object()) return into;
  merge_json(merged.as_object(), more.as_object());
  return json::serialize(merged);
}

class Builder {
 public:
  Builder(Configuration& made, std::vector<ConfigNote>& notes) : made_(made), notes_(notes) {}

  // `source` is what the notes name.
  void add(const Settings& settings, const std::string& source, bool noted) {
    source_ = source;
    noted_ = noted;
    add_options(settings.options);
    if (settings.decorators != protocol::Decorators()) made_.decorators.push_back({source, settings.decorators});
    add_files(settings.files);
    add_yara(settings.yara);
    made_.feature_vectors = merged_json(made_.feature_vectors, settings.feature_vectors);
    append_missing(made_.enabled_subscribers, settings.enabled_subscribers);
    append_missing(made_.disabled_subscribers, settings.disabled_subscribers);
    add_event_filters(settings.event_filters);
    add_auto_tables(settings.auto_tables);
    for (const auto& [name, sql] : settings.views) {
      const auto [at, fresh] = made_.views.insert_or_assign(name, sql);
      say_whose("a view", name, fresh);
    }
    for (const auto& [topic, queries] : settings.kafka_topics) append_missing(made_.kafka_topics[topic], queries);
    if (settings.prometheus) {
      say_whose("an entry", "prometheus_targets", made_.prometheus.urls.empty());
      made_.prometheus = *settings.prometheus;
    }
  }

 private:
  void note(std::string_view key, std::string text, std::string osquery = {},
            protocol::Severity severity = protocol::Severity::warning) {
    if (noted_) notes_.push_back({fmt::format("{}: {}", source_, key), std::move(text), std::move(osquery), severity});
  }

  void option_note(std::string_view name, std::string text, std::string osquery) {
    note(fmt::format("options.{}", name), std::move(text), std::move(osquery));
  }

  void add_options(const std::vector<protocol::Option>& options) {
    for (const auto& [name, value] : options) {
      const auto* flag = find_flag(name);
      if (!value) {
        option_note(name, "null is no value for an option; ignored",
                    fmt::format("Cannot parse unknown value type for option: {}", name));
      } else if (name.starts_with("custom_")) {
        made_.flags.set_custom(name, *value);
      } else if (!flag || flag->kind == FlagKind::own || flag->kind == FlagKind::unlisted) {
        option_note(name, fmt::format("unknown option, ignored{}", nearest_option(name)),
                    fmt::format("Cannot set unknown or invalid flag: {}", name));
      } else if (flag->kind == FlagKind::command_line || flag->kind == FlagKind::shell ||
                 flag->kind == FlagKind::agent) {
        auto words = fmt::format(
            "The CLI only flag --{} set via config file will be ignored, please use a flagfile or pass it to the "
            "process at startup",
            name);
        option_note(name, words, words);
      } else {
        set(*flag, *value);
      }
    }
  }

  void set(const FlagDeclaration& flag, std::string_view value) {
    const bool was_on = made_.flags.value(flag) == "true";
    if (!made_.flags.set(flag, value)) {
      note(fmt::format("options.{}", flag.name),
           fmt::format("\"{}\" is no {}; {} stays", value, type_name(flag.type), made_.flags.value(flag)));
    } else if (flag.name == kVerbose && !was_on && made_.flags.value(flag) == "true") {
      const std::string words = "Verbose logging enabled by config option";
      note("options.verbose", words, words, protocol::Severity::info);
    }
  }

  void add_files(const protocol::FileMonitoring& files) {
    const auto join = [](protocol::Categories& into, const protocol::Categories& from) {
      for (const auto& [category, list] : from) append_missing(into[category], list);
    };
    join(made_.files.paths, files.paths);
    join(made_.files.path_queries, files.path_queries);
    join(made_.files.exclude_paths, files.exclude_paths);
    append_missing(made_.files.accesses, files.accesses);
  }

  void add_yara(const std::string& yara) {
    std::vector<YaraNote> wrong;
    read_yara(yara, wrong);
    for (auto& [where, what] : wrong) note(where, std::move(what));
    made_.yara = merged_json(made_.yara, yara);
  }

  void add_event_filters(const std::vector<protocol::EventFilter>& filters) {
    constexpr std::size_t kMostFilters = 256;
    for (const auto& one : filters) {
      const auto key = fmt::format("event_filters.{}", one.id);
      auto filter = events::parse_filter(one.rule);
      if (!filter) {
        note(key, fmt::format("{}; left out", filter.error().message));
      } else if (made_.event_filters.size() == kMostFilters) {
        note(key, fmt::format("there are {} filters, which is the most; left out", kMostFilters));
      } else if (limit(*filter, one.tables, key)) {
        filter->id = one.id;
        filter->source = source_;
        made_.event_filters.push_back(std::move(*filter));
      }
    }
  }

  // To some tables. False: there is none of them.
  bool limit(events::Filter& filter, const std::vector<std::string>& tables, const std::string& key) {
    if (tables.empty()) return true;
    events::Kinds kinds;
    for (const auto& name : tables) {
      const auto table = std::ranges::find(event_tables(), name, &EventTable::name);
      if (table == event_tables().end())
        note(key, fmt::format("{} is no table of events", name));
      else
        kinds.set(table->kind);
    }
    if (kinds.none()) note(key, "has no table that it could be about; left out");
    filter.limited = kinds != filter.kinds;
    filter.kinds = kinds;
    return kinds.any();
  }

  void add_auto_tables(const std::vector<protocol::AutoTable>& tables) {
    for (const auto& table : tables) {
      if (!protocol::runs_on_linux(table.platform)) continue;
      const auto same = std::ranges::find(made_.auto_tables, table.name, &protocol::AutoTable::name);
      say_whose("a table", table.name, same == made_.auto_tables.end());
      if (same == made_.auto_tables.end())
        made_.auto_tables.push_back(table);
      else
        *same = table;
    }
  }

  // osquery forgets all that earlier sources said; we only what has the same name.
  void say_whose(std::string_view what, std::string_view name, bool fresh) {
    if (!fresh) note(name, fmt::format("another source has {} of this name; this one counts", what));
  }

  Configuration& made_;
  std::vector<ConfigNote>& notes_;
  std::string source_;
  bool noted_ = true;
};

// A pack as this host runs it.
protocol::Pack for_host(protocol::Pack pack, unsigned shard_number) {
  if (!is_for_host(pack, kOsqueryVersion, shard_number)) pack.queries.clear();
  std::erase_if(pack.queries, [&](const auto& query) { return !is_for_host(query, kOsqueryVersion, shard_number); });
  return pack;
}

// Queries by what makes one: source, pack and name.
using QueryMap = std::map<std::string, const protocol::Query*>;
QueryMap queries_of(const Configuration& configuration) {
  QueryMap found;
  for (const auto& pack : configuration.packs)
    for (const auto& query : pack.queries)
      found.emplace(pack.name == "main" ? query.name : fmt::format("{}/{}", pack.name, query.name), &query);
  return found;
}

// "2 queries added (a, b)"
std::string counted(std::string_view what, const std::vector<std::string_view>& names) {
  constexpr std::size_t kMostNamed = 10;
  if (names.empty()) return {};
  std::string list;
  for (const auto name : names | std::views::take(kMostNamed))
    list += fmt::format("{}{}", list.empty() ? "" : ", ", name);
  if (names.size() > kMostNamed) list += ", …";
  return fmt::format("{} {} {} ({})", names.size(), names.size() == 1 ? "query" : "queries", what, list);
}

std::vector<std::string_view> changed_options(const Configuration& before, const Configuration& after) {
  std::vector<std::string_view> names;
  for (const auto& flag : kFlags)
    if (before.flags.value(flag) != after.flags.value(flag)) names.push_back(flag.name);
  return names;
}

}  // namespace

Configuration make_configuration(const Flags& base, const std::vector<ConfigPart>& parts,
                                 const std::set<PackId>& active, unsigned shard_number,
                                 std::vector<ConfigNote>& notes) {
  Configuration made;
  made.flags = base;
  Builder builder(made, notes);
  for (const auto& [document, noted] : parts) {
    const auto add_pack = [&](const protocol::Pack& pack) {
      made.packs.push_back(for_host(pack, shard_number));
      const bool is_active = is_for_host(pack, kOsqueryVersion, shard_number) &&
                             (pack.discovery.empty() || active.contains({pack.source, pack.name}));
      if (is_active) builder.add(pack.settings, pack.path.empty() ? pack.source : pack.path, noted);
    };
    if (document.schedule) add_pack(*document.schedule);
    std::ranges::for_each(document.packs, add_pack);
    builder.add(document, document.source, noted);
  }
  if (std::ranges::any_of(parts, &ConfigPart::noted)) {
    std::vector<YaraNote> said;  // when the parts were added
    for (auto& [where, what] : unknown_groups(read_yara(made.yara, said))) notes.push_back({where, what, {}});
  }
  return made;
}

std::string describe_change(const Configuration& before, const Configuration& after) {
  const auto old_queries = queries_of(before);
  const auto new_queries = queries_of(after);
  std::vector<std::string_view> added;
  std::vector<std::string_view> removed;
  std::vector<std::string_view> edited;
  for (const auto& [name, query] : new_queries) {
    const auto old = old_queries.find(name);
    if (old == old_queries.end())
      added.push_back(name);
    else if (*old->second != *query)
      edited.push_back(name);
  }
  for (const auto& [name, query] : old_queries)
    if (!new_queries.contains(name)) removed.push_back(name);

  std::vector<std::string> pieces{counted("added", added), counted("removed", removed), counted("edited", edited)};
  if (const auto options = changed_options(before, after); !options.empty())
    pieces.push_back(fmt::format("options changed: {}", fmt::join(options, ", ")));
  const auto differ = [&](std::string_view what, bool different) {
    if (different) pieces.push_back(fmt::format("{} changed", what));
  };
  differ("decorators", before.decorators != after.decorators);
  differ("views", before.views != after.views);
  differ("auto_table_construction", before.auto_tables != after.auto_tables);
  differ("file_paths", before.files != after.files);
  differ("events", before.enabled_subscribers != after.enabled_subscribers ||
                       before.disabled_subscribers != after.disabled_subscribers);
  differ("event_filters", before.event_filters != after.event_filters);
  differ("yara", before.yara != after.yara);
  differ("prometheus_targets", before.prometheus != after.prometheus);
  differ("kafka_topics", before.kafka_topics != after.kafka_topics);
  std::erase(pieces, std::string());
  return fmt::format("{}", fmt::join(pieces, "; "));
}

std::vector<std::string_view> options_for_restart(const Configuration& before, const Configuration& after) {
  auto names = changed_options(before, after);
  std::erase_if(names, [](std::string_view name) { return !std::ranges::binary_search(kReadAtStart, name); });
  return names;
}

}  // namespace osprey::agent
