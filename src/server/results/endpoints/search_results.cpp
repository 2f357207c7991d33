#include "server/api/endpoint.h"
#include "server/api/page.h"
#include "server/results/views.h"

namespace osprey::server {
namespace {

constexpr std::chrono::seconds kTime{5};

struct Request : results::FilterRequest, api::PageRequest {
  static constexpr auto fields() { return std::tuple_cat(FilterRequest::fields(), PageRequest::fields()); }
};

struct Found {
  std::vector<results::LineView> items;
  std::optional<std::string> next;
  std::int64_t estimate = 0;
  bool exact = false;
  static constexpr std::string_view kTypeName = "ResultPage";
  static constexpr auto fields() {
    return std::tuple(
        api::field("items", &Found::items, "Rows, newest first."),
        api::field("next", &Found::next, "Cursor for older rows; null where nothing is left."),
        api::field("estimate", &Found::estimate, "How many there are in all, about; of the first page only."),
        api::field("exact", &Found::exact, "Whether the estimate is their number."));
  }
};

Result<Found> handle(const Request& request, const api::Context& context) {
  const auto filter = TRY(request.filter());
  std::optional<std::int64_t> before;
  if (request.after) before = TRY(api::id_before(request.after));
  const auto page =
      TRY(context.services.results->search(filter, before, static_cast<std::size_t>(request.limit), kTime));
  Found found{.estimate = page.estimate, .exact = page.exact};
  for (const auto& line : page.lines) found.items.push_back(results::view_of(line, context.services));
  if (page.next) found.next = api::make_cursor({std::to_string(*page.next)});
  return found;
}

}  // namespace

api::Endpoint search_results() {
  return api::endpoint(
      http::Method::get, "/api/v1/results", api::Permission::view,
      "Rows that hosts have logged, newest first. A page comes within seconds; where much has to be looked "
      "through it may be short or empty and `next` tells where to go on.",
      handle);
}

}  // namespace osprey::server
