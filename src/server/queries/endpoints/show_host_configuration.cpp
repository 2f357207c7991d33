#include "server/api/endpoint.h"

#include "server/queries/queries.h"

namespace osprey::server {
namespace {

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

Result<Response> handle(const hosts::OneHost& request, const api::Context& context) {
  const auto host = TRY(context.services.hosts->existing(request.host));
  auto made = TRY(context.services.queries->explain(*host));
  const auto composed = TRY(context.services.queries->compose(*host));
  return Response{std::move(made.document), composed->etag, std::move(made.origins)};
}

}  // namespace

api::Endpoint show_host_configuration() {
  return api::endpoint(http::Method::get, "/api/v1/hosts/{host}/configuration", api::Permission::view,
                       "A host's configuration as it is composed for it, and where each piece comes from.", handle);
}

}  // namespace osprey::server
