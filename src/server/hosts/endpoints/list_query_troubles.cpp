#include <soci/soci.h>

#include "server/api/endpoint.h"
#include "server/db/database.h"

namespace osprey::server {
namespace {

struct QueryTroubles {
  std::string query;
  std::int64_t denylisted = 0, overdue = 0, expensive = 0;
  std::int64_t worst_wall_ms = 0, worst_cpu_ms = 0, worst_memory = 0;
  static constexpr std::string_view kTypeName = "QueryTroubles";
  static constexpr auto fields() {
    return std::tuple(
        api::field("query", &QueryTroubles::query, "Name of the scheduled query."),
        api::field("denylisted", &QueryTroubles::denylisted, "Hosts that leave it out because it did harm."),
        api::field("overdue", &QueryTroubles::overdue, "Hosts where it has not run for more than two intervals."),
        api::field("expensive", &QueryTroubles::expensive, "Hosts where a run costs too much time or memory."),
        api::field("worst_wall_ms", &QueryTroubles::worst_wall_ms, "Longest time of a run, on one host's average."),
        api::field("worst_cpu_ms", &QueryTroubles::worst_cpu_ms, "The same of processor time."),
        api::field("worst_memory", &QueryTroubles::worst_memory, "The same of memory, in bytes."));
  }
};

struct Listed {
  std::vector<QueryTroubles> items;
  static constexpr auto fields() {
    return std::tuple(api::field("items", &Listed::items, "Those on most hosts first; a thousand at most."));
  }
};

Result<Listed> handle(const api::Nothing&, const api::Context& context) {
  return context.services.database->read([](soci::session& sql) {
    Listed listed;
    QueryTroubles each;
    soci::statement statement =
        (sql.prepare << "SELECT query, CAST(SUM(denylisted) AS BIGINT), CAST(SUM(overdue) AS BIGINT),"
                        " CAST(SUM(expensive) AS BIGINT), MAX(wall_ms), MAX(cpu_ms), MAX(memory) FROM host_troubles"
                        " GROUP BY query ORDER BY COUNT(*) DESC, query LIMIT 1000",
         soci::into(each.query), soci::into(each.denylisted), soci::into(each.overdue), soci::into(each.expensive),
         soci::into(each.worst_wall_ms), soci::into(each.worst_cpu_ms), soci::into(each.worst_memory));
    statement.execute();
    while (statement.fetch()) listed.items.push_back(each);
    return listed;
  });
}

}  // namespace

api::Endpoint list_query_troubles() {
  return api::endpoint(http::Method::get, "/api/v1/query_troubles", api::Permission::view,
                       "Scheduled queries that hosts denylist, do not run or pay too much for.", handle);
}

}  // namespace osprey::server
