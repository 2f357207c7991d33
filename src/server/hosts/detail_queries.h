// What every host is asked about itself on the server's schedule.
#pragma once

#include <span>
#include <string_view>

namespace osprey::server::hosts {

struct DetailQuery {
  std::string_view name;  // also the name under which facts and the host's page know the rows
  std::string_view sql;
  std::string_view help;
  std::string_view discovery = {};
};

std::span<const DetailQuery> detail_queries();
// Null: there is none of that name.
const DetailQuery* detail_query(std::string_view name);

}  // namespace osprey::server::hosts
