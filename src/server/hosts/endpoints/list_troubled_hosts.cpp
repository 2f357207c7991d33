#include <soci/soci.h>

#include "server/api/endpoint.h"
#include "server/api/page.h"
#include "server/hosts/service.h"

namespace osprey::server {
namespace {

struct Request : api::PageRequest {
  std::string query;
  static constexpr auto fields() {
    return std::tuple_cat(
        std::tuple(api::field("query", &Request::query, "Name of the scheduled query.", {.most = 256})),
        PageRequest::fields());
  }
};

struct TroubledHost {
  std::int64_t host = 0;
  std::string name;
  bool denylisted = false, overdue = false, expensive = false;
  std::int64_t every_s = 0, runs = 0;
  std::optional<Timestamp> run_at;
  std::int64_t wall_ms = 0, cpu_ms = 0, memory = 0;
  std::optional<Timestamp> refreshed;
  static constexpr std::string_view kTypeName = "TroubledHost";
  static constexpr auto fields() {
    return std::tuple(
        api::field("host", &TroubledHost::host, "The host's number."),
        api::field("name", &TroubledHost::name, "The host's name."),
        api::field("denylisted", &TroubledHost::denylisted, "The host leaves the query out because it did harm."),
        api::field("overdue", &TroubledHost::overdue, "It has not run for more than two intervals."),
        api::field("expensive", &TroubledHost::expensive, "A run costs too much time or memory."),
        api::field("every_s", &TroubledHost::every_s, "Its interval."),
        api::field("runs", &TroubledHost::runs, "Runs since the agent began to count."),
        api::field("run_at", &TroubledHost::run_at, "When it last ran, by the host's clock; null: never."),
        api::field("wall_ms", &TroubledHost::wall_ms, "Time of a run, on average."),
        api::field("cpu_ms", &TroubledHost::cpu_ms, "Processor time of a run, on average."),
        api::field("memory", &TroubledHost::memory, "Bytes that a run took, on average."),
        api::field("refreshed", &TroubledHost::refreshed, "As of when; the host's details are no younger."));
  }
};

// Scheduled times are far below this; what a host says beyond it is nonsense.
constexpr std::int64_t kMostSeconds = 253'402'300'799;  // the year 9999

Result<api::Page<TroubledHost>> handle(const Request& request, const api::Context& context) {
  const auto& service = hosts::service(context.services);
  const auto after = TRY(api::id_after(request.after));
  return context.services.database->read([&](soci::session& sql) {
    std::vector<TroubledHost> found;
    TroubledHost each;
    int denylisted = 0, overdue = 0, expensive = 0;
    std::int64_t run_at = 0;
    const auto limit = request.limit + 1;
    soci::statement statement =
        (sql.prepare << "SELECT host_id, denylisted, overdue, expensive, every_seconds, runs, run_at, wall_ms, cpu_ms,"
                        " memory FROM host_troubles WHERE query = :query AND host_id > :after ORDER BY host_id"
                        " LIMIT :limit",
         soci::use(request.query), soci::use(after), soci::use(limit), soci::into(each.host), soci::into(denylisted),
         soci::into(overdue), soci::into(expensive), soci::into(each.every_s), soci::into(each.runs),
         soci::into(run_at), soci::into(each.wall_ms), soci::into(each.cpu_ms), soci::into(each.memory));
    statement.execute();
    while (statement.fetch()) {
      const auto host = service.find(each.host);
      each.name = host ? host->name : "";
      each.denylisted = denylisted != 0;
      each.overdue = overdue != 0;
      each.expensive = expensive != 0;
      each.run_at.reset();
      if (run_at > 0 && run_at <= kMostSeconds) each.run_at = Timestamp{run_at * 1000};
      each.refreshed = known(service.refreshed(each.host).ms);
      found.push_back(each);
    }
    return api::page_by_id(std::move(found), request.limit, &TroubledHost::host);
  });
}

}  // namespace

api::Endpoint list_troubled_hosts() {
  return api::endpoint(http::Method::get, "/api/v1/query_troubles/hosts", api::Permission::view,
                       "Hosts on which a scheduled query is in trouble, and how.", handle);
}

}  // namespace osprey::server
