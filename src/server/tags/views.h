// Tags as the API takes and shows them.
#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <string>

#include "server/api/fields.h"
#include "server/tags/service.h"

namespace osprey::server::tags {

struct TagRow {
  TagId id = 0;
  std::string name, description;
  std::int64_t rank = 0;
  std::optional<std::string> query;
  boost::json::value condition;
  std::int64_t hosts = 0;
  Timestamp created, changed;
  static constexpr std::string_view kTypeName = "Tag";
  static constexpr auto fields() {
    return std::tuple(api::field("id", &TagRow::id, "The tag's number."),
                      api::field("name", &TagRow::name, "Its name."),
                      api::field("description", &TagRow::description, "What it is for."),
                      api::field("rank", &TagRow::rank, "Where tags of a host say different things, the higher wins."),
                      api::field("query", &TagRow::query, "Rule: hosts where this gives a row have the tag."),
                      api::field("condition", &TagRow::condition, "Rule: hosts for which this holds have the tag."),
                      api::field("hosts", &TagRow::hosts, "How many hosts have it."),
                      api::field("created", &TagRow::created, "When it was made."),
                      api::field("changed", &TagRow::changed, "When it was last changed."));
  }
};

// A request about one tag.
struct OneTag {
  TagId tag = 0;
  static constexpr auto fields() { return std::tuple(api::field("tag", &OneTag::tag, "The tag's number.")); }
};

struct TagOfHost : hosts::OneHost, OneTag {
  static constexpr auto fields() { return std::tuple_cat(OneHost::fields(), OneTag::fields()); }
};

// What people write of a tag; a Request may derive from it.
struct Written {
  std::string name, description;
  std::int64_t rank = 0;
  std::optional<std::string> query;
  boost::json::value condition;
  bool check_query = true;

  static constexpr auto fields() {
    return std::tuple(
        api::field("name", &Written::name, "Unique.", {.least = 1, .most = 100}),
        api::field("description", &Written::description, "What it is for.", {.most = 1000, .has_default = true}),
        api::field("rank", &Written::rank,
                   "Where tags of a host say different things, the higher wins; of equal ones the younger.",
                   {.least = -1'000'000, .most = 1'000'000, .has_default = true}),
        api::field("query", &Written::query,
                   "Rule: a query that hosts are asked, now and then; those where it gives a row have the tag."),
        api::field("condition", &Written::condition,
                   "Rule: a condition on what is known of hosts, as {\"fact\": \"platform\", \"is\": \"debian\"}.",
                   {.has_default = true}),
        api::field("check_query", &Written::check_query, "Hold the query against the agents' schema first.",
                   {.has_default = true}));
  }

  Draft draft() const;
};

// `hosts`: how many have it.
TagRow row_of(const Tag& tag, std::int64_t hosts);
// Of each tag, by number.
std::map<TagId, std::int64_t> count_members(const hosts::Roster& roster);

}  // namespace osprey::server::tags
