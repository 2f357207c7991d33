// Item: a piece of configuration that people edit, in osquery's format, and the tags whose hosts it is for.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/api/fields.h"
#include "server/time.h"

namespace osprey::server::queries {

enum class Kind : std::uint8_t {
  query,       // an entry of "schedule"; the content is what stands there
  pack,        // an entry of "packs"
  file_paths,  // "file_paths", "exclude_paths", "file_paths_query", "file_accesses"
  options,     // "options": the content is its members
  decorators,  // "decorators": likewise
  extra,       // any other top-level keys: views, yara, auto_table_construction…
};

struct Item {
  Kind kind = Kind::query;
  std::string name;
  std::string description;
  boost::json::object content;
  std::vector<std::string> tags;  // names; none: every host
  bool enabled = true;
  std::int64_t version = 0;  // counts up with each change
  Timestamp changed_at;
  std::string changed_by;
  bool deleted = false;  // only in an item's history

  static constexpr std::string_view kTypeName = "ConfigurationItem";
  static constexpr auto fields() {
    return std::tuple(api::field("kind", &Item::kind, "What it is a piece of."),
                      api::field("name", &Item::name, "Its name, one of its kind."),
                      api::field("description", &Item::description, "What it is for."),
                      api::field("content", &Item::content, "What stands in the configuration, in osquery's format."),
                      api::field("tags", &Item::tags, "Names of the tags whose hosts it is for; none: every host."),
                      api::field("enabled", &Item::enabled, "Whether hosts get it."),
                      api::field("version", &Item::version, "Counts up with each change."),
                      api::field("changed_at", &Item::changed_at, "When this version was made."),
                      api::field("changed_by", &Item::changed_by, "By whom."),
                      api::field("deleted", &Item::deleted, "This version removed it."));
  }
};

// A request about one item.
struct OneItem {
  Kind kind = Kind::query;
  std::string name;
  static constexpr auto fields() {
    return std::tuple(api::field("kind", &OneItem::kind, "What it is a piece of."),
                      api::field("name", &OneItem::name, "Its name."));
  }
};

// What people say of an item when they make or change it.
struct Draft {
  Kind kind = Kind::query;
  std::string name;
  std::string description;
  boost::json::object content;
  std::vector<std::string> tags;
  bool enabled = true;
  std::optional<std::int64_t> over_version;
  bool check = true;

  static constexpr auto fields() {
    return std::tuple(
        api::field("kind", &Draft::kind, "What it is a piece of."),
        api::field("name", &Draft::name, "Its name.", {.least = 1, .most = 200}),
        api::field("description", &Draft::description, "What it is for.", {.most = 4000, .has_default = true}),
        api::field("content", &Draft::content, "What is to stand in the configuration, in osquery's format."),
        api::field("tags", &Draft::tags, "Names of the tags whose hosts it is for; none: every host.",
                   {.most = 1000, .has_default = true}),
        api::field("enabled", &Draft::enabled, "Whether hosts get it.", {.has_default = true}),
        api::field("over_version", &Draft::over_version,
                   "The version that is being changed: another's change in between is a conflict. 0: it is new."),
        api::field("check", &Draft::check, "Refuse a query that our agents cannot run.", {.has_default = true}));
  }
};

}  // namespace osprey::server::queries

namespace osprey::server::api {

template <>
struct EnumNames<queries::Kind> {
  static constexpr std::array kNames{std::pair{queries::Kind::query, std::string_view("query")},
                                     std::pair{queries::Kind::pack, std::string_view("pack")},
                                     std::pair{queries::Kind::file_paths, std::string_view("file_paths")},
                                     std::pair{queries::Kind::options, std::string_view("options")},
                                     std::pair{queries::Kind::decorators, std::string_view("decorators")},
                                     std::pair{queries::Kind::extra, std::string_view("extra")}};
};

}  // namespace osprey::server::api
