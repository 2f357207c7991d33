#include "server/api/api.h"

#include <fmt/format.h>

#include "base/version.h"
#include "server/identity/identity.h"

namespace osprey::server::api {
namespace {

void serve(const Endpoint& endpoint, const Services& services, const http::Request& request,
           http::Responder responder) {
  identity::Caller caller;
  if (endpoint.permission != Permission::everyone) {
    auto known = services.identity->authenticate(request);
    if (!known) {
      const bool denied = known.error().code == kForbidden;
      responder.send(denied ? problem_response(401, known.error().text()) : problem_response(known.error()));
      return;
    }
    caller = std::move(*known);
    if (caller.permission == Permission::everyone) {
      responder.send(problem_response(401, "sign in, or send an API token as `Authorization: Bearer TOKEN`"));
      return;
    }
    if (caller.permission < endpoint.permission) {
      responder.send(problem_response(403, fmt::format("this needs the permission \"{}\", you have \"{}\"",
                                                       name_of(endpoint.permission), name_of(caller.permission))));
      return;
    }
  }
  caller.address = request.peer;
  const Context context{.caller = std::move(caller), .services = services, .now = services.clock(), .head = request};
  endpoint.run(request, context, std::move(responder));
}

json::object problem_schema() {
  const json::object text{{"type", "string"}};
  const json::object fault{{"type", "object"}, {"properties", json::object{{"pointer", text}, {"detail", text}}}};
  return {{"type", "object"},
          {"required", json::array{"type", "title", "status", "detail"}},
          {"properties", json::object{{"type", text},
                                      {"title", text},
                                      {"status", json::object{{"type", "integer"}}},
                                      {"detail", text},
                                      {"errors", json::object{{"type", "array"}, {"items", fault}}}}}};
}

json::object operation_of(const NamedEndpoint& named, const Endpoint& endpoint, SchemaWriter& schemas) {
  json::object operation{{"operationId", named.operation},
                         {"tags", json::array{named.slice}},
                         {"summary", endpoint.summary},
                         {"x-permission", name_of(endpoint.permission)}};
  endpoint.describe(operation, schemas);
  if (endpoint.creates) {
    auto& parameters = operation["parameters"];
    if (!parameters.is_array()) parameters.emplace_array();
    parameters.get_array().push_back(json::object{
        {"name", "Idempotency-Key"},
        {"in", "header"},
        {"required", false},
        {"description", "Sent again with the same key and body, the request is answered as it was the first time."},
        {"schema", json::object{{"type", "string"}, {"minLength", 1}, {"maxLength", 255}}}});
  }
  const json::object problem{{"schema", json::object{{"$ref", "#/components/schemas/Problem"}}}};
  operation["responses"].as_object()["default"] = json::object{
      {"description", "What went wrong (RFC 9457)."}, {"content", json::object{{"application/problem+json", problem}}}};
  if (endpoint.permission == Permission::everyone) operation["security"] = json::array();
  return operation;
}

}  // namespace

Result<void> mount(http::Router& router, std::span<const NamedEndpoint> endpoints, const Services& services) {
  for (const auto& named : endpoints) {
    const auto endpoint = std::make_shared<const Endpoint>(named.make());
    http::Route route{.method = endpoint->method, .pattern = endpoint->path, .body_cap = endpoint->body_cap};
    route.handle = [endpoint, &services](const http::Request& request, http::Responder responder) {
      serve(*endpoint, services, request, std::move(responder));
    };
    TRY(router.add(std::move(route)));
  }
  return {};
}

json::object openapi(std::span<const NamedEndpoint> endpoints) {
  json::object components{{"Problem", problem_schema()}};
  SchemaWriter schemas(components);
  json::object paths;
  for (const auto& named : endpoints) {
    const auto endpoint = named.make();
    auto& path = paths[endpoint.path];
    if (!path.is_object()) path.emplace_object();
    path.get_object()[to_lower(http::name_of(endpoint.method))] = operation_of(named, endpoint, schemas);
  }
  const json::object information{
      {"title", "osprey"}, {"version", version()}, {"description", "The administration API of an osprey server."}};
  const json::object schemes{
      {"token", json::object{{"type", "http"}, {"scheme", "bearer"}}},
      {"session", json::object{{"type", "apiKey"}, {"in", "cookie"}, {"name", "osprey_session"}}}};
  return {{"openapi", "3.1.0"},
          {"info", information},
          {"security", json::array{json::object{{"token", json::array()}}, json::object{{"session", json::array()}}}},
          {"paths", std::move(paths)},
          {"components", json::object{{"schemas", std::move(components)}, {"securitySchemes", schemes}}}};
}

}  // namespace osprey::server::api
