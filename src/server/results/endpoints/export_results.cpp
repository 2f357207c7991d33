#include "server/api/endpoint.h"
#include "server/results/export.h"
#include "server/results/views.h"

namespace osprey::server {
namespace {

struct Request : results::FilterRequest {
  api::ExportFormat format = api::ExportFormat::jsonl;
  static constexpr auto fields() {
    return std::tuple_cat(
        FilterRequest::fields(),
        std::tuple(api::field("format", &Request::format,
                              "csv: a column for each of the newest rows' columns, what others have in "
                              "the last one as JSON; json: a list; jsonl: a row a line.",
                              {.has_default = true})));
  }
};

void handle(const Request& request, const api::Context& context, http::Responder responder) {
  const auto filter = request.filter();
  if (!filter) {
    responder.send(api::problem_response(filter.error()));
    return;
  }
  results::export_lines(*filter, request.format, context.services, std::move(responder));
}

}  // namespace

api::Endpoint export_results() {
  return api::endpoint(
      http::Method::get, "/api/v1/results/export", api::Permission::view,
      "All rows that a search finds, newest first. The connection breaks off where something goes wrong.", handle,
      api::kExportTypes);
}

}  // namespace osprey::server
