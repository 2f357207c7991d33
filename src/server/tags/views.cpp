#include "server/tags/views.h"

#include <boost/json.hpp>

#include "server/db/json.h"

namespace osprey::server::tags {

Draft Written::draft() const {
  return {.name = name,
          .description = description,
          .rank = rank,
          .query = query.value_or(""),
          .condition = condition.is_null() ? "" : boost::json::serialize(condition),
          .check_query = check_query};
}

TagRow row_of(const Tag& tag, std::int64_t hosts) {
  TagRow row{.id = tag.id,
             .name = tag.name,
             .description = tag.description,
             .rank = tag.rank,
             .query = {},
             .condition = {},
             .hosts = hosts,
             .created = tag.created,
             .changed = tag.changed};
  if (!tag.query.empty()) row.query = tag.query;
  if (!tag.condition.empty()) row.condition = db::json_value(tag.condition);
  return row;
}

std::map<TagId, std::int64_t> count_members(const hosts::Roster& roster) {
  std::map<TagId, std::int64_t> counts;
  roster.visit([&](const hosts::HostPtr& host, const hosts::Signs&) {
    for (const auto tag : host->tags) ++counts[tag];
  });
  return counts;
}

}  // namespace osprey::server::tags
