#include "server/api/endpoint.h"
#include "server/results/views.h"

namespace osprey::server {
namespace {

struct Request : results::FilterRequest {
  std::int64_t top = 10;
  std::vector<std::string> column;
  static constexpr auto fields() {
    return std::tuple_cat(FilterRequest::fields(),
                          std::tuple(api::field("top", &Request::top, "How many values of each.",
                                                {.least = 1, .most = 100, .has_default = true}),
                                     api::field("column", &Request::column, "A column whose values are counted, too.",
                                                {.most = 10, .has_default = true})));
  }
};

struct Value {
  std::string value;
  std::int64_t rows = 0;
  static constexpr std::string_view kTypeName = "ResultCount";
  static constexpr auto fields() {
    return std::tuple(api::field("value", &Value::value, "The value; of hosts their numbers."),
                      api::field("rows", &Value::rows, "How many rows have it."));
  }
};

struct Counted {
  std::vector<Value> hosts, queries, actions;
  std::map<std::string, std::vector<Value>> columns;
  std::int64_t rows = 0;
  std::optional<Timestamp> since;
  static constexpr std::string_view kTypeName = "ResultCounts";
  static constexpr auto fields() {
    return std::tuple(
        api::field("hosts", &Counted::hosts, "The hosts with most rows."),
        api::field("queries", &Counted::queries, "The queries with most rows."),
        api::field("actions", &Counted::actions, "Rows by action."),
        api::field("columns", &Counted::columns, "The most common values of the columns asked for."),
        api::field("rows", &Counted::rows, "How many rows were counted: the newest."),
        api::field("since", &Counted::since, "The oldest of them, where there are more than were counted."));
  }
};

std::vector<Value> values(const std::vector<results::Facets::Value>& counted) {
  std::vector<Value> made;
  for (const auto& each : counted) made.push_back({each.value, each.lines});
  return made;
}

Result<Counted> handle(const Request& request, const api::Context& context) {
  const auto filter = TRY(request.filter());
  const auto facets = TRY(context.services.results->facets(
      filter, {.top = static_cast<std::size_t>(request.top), .columns = request.column}));
  Counted counted{.hosts = values(facets.hosts),
                  .queries = values(facets.queries),
                  .actions = values(facets.actions),
                  .rows = facets.lines,
                  .since = facets.since};
  for (const auto& [column, each] : facets.columns) counted.columns[column] = values(each);
  return counted;
}

}  // namespace

api::Endpoint count_results() {
  return api::endpoint(http::Method::get, "/api/v1/results/counts", api::Permission::view,
                       "The most common hosts, queries, actions and values among the newest rows that a search finds.",
                       handle);
}

}  // namespace osprey::server
