#include <fmt/format.h>
#include "server/api/endpoint.h"

#include "server/queries/queries.h"

namespace osprey::server {
namespace {

struct Request {
  boost::json::object document;
  std::vector<std::string> tags;
  static constexpr auto fields() {
    return std::tuple(
        api::field("document", &Request::document, "A configuration of osquery's."),
        api::field("tags", &Request::tags, "Tags whose hosts it is for; none: every host.", {.has_default = true}));
  }
};

struct Response {
  std::vector<queries::Saved> saved;
  std::vector<std::string> refused;
  static constexpr auto fields() {
    return std::tuple(api::field("saved", &Response::saved, "The items that it became."),
                      api::field("refused", &Response::refused, "Pieces that are not fit to be one, and why."));
  }
};

Result<Response> handle(const Request& request, const api::Context& context) {
  Response response;
  for (auto& draft : queries::split(request.document)) {
    draft.tags = request.tags;
    draft.check = false;
    if (auto saved = context.services.queries->save(draft, context.caller, context.now))
      response.saved.push_back(std::move(*saved));
    else
      response.refused.push_back(fmt::format("{} {}: {}", api::name_of(draft.kind), draft.name, saved.error().text()));
  }
  return response;
}

}  // namespace

api::Endpoint import_configuration() {
  return api::endpoint(http::Method::post, "/api/v1/items/import", api::Permission::manage,
                       "Makes items of a configuration of osquery's: each query and pack one.", handle);
}

}  // namespace osprey::server
