#include <fmt/format.h>
#include "server/api/endpoint.h"

#include "server/queries/queries.h"

namespace osprey::server {
namespace {

struct Request {
  hosts::HostId id = 0;
  static constexpr auto fields() { return std::tuple(api::field("id", &Request::id, "The host's number.")); }
};

struct Response {
  boost::json::object configuration;
  std::string etag;
  std::vector<queries::Origin> origins;
  static constexpr auto fields() {
    return std::tuple(api::field("configuration", &Response::configuration, "What the host is sent."),
                      api::field("etag", &Response::etag, "Of that text; a host that has it is sent nothing."),
                      api::field("origins", &Response::origins, "Where each piece of it comes from."));
  }
};

Result<Response> handle(const Request& request, const api::Context& context) {
  const auto host = TRY(context.services.hosts->look_up(request.id));
  if (!host) return api::problem(api::kNotFound, fmt::format("host {}", request.id), "there is none");
  auto made = TRY(context.services.queries->explain(*host));
  const auto composed = TRY(context.services.queries->compose(*host));
  return Response{std::move(made.document), composed->etag, std::move(made.origins)};
}

}  // namespace

api::Endpoint show_host_configuration() {
  return api::endpoint(http::Method::get, "/api/v1/hosts/{id}/configuration", api::Permission::view,
                       "A host's configuration as it is composed for it, and where each piece comes from.", handle);
}

}  // namespace osprey::server
