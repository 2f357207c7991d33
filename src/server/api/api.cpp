#include "server/api/api.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <stdexcept>

#include "base/text.h"
#include "base/version.h"
#include "server/api/idempotency.h"
#include "server/identity/identity.h"

namespace osprey::server::api {
namespace {

// What the endpoints of a router share.
struct Desk {
  Desk(const Services& its_services, Options its_options) : services(its_services), options(std::move(its_options)) {}
  const Services& services;
  const Options options;
  RateLimit limit;
};

struct Served {
  std::string_view operation;
  Endpoint endpoint;
  EndpointCounts* counts = nullptr;
  std::shared_ptr<Desk> desk;
};

// From a request's arrival to its answer.
class Watch {
 public:
  Watch(std::shared_ptr<const Served> served, const http::Request& request) : served_(std::move(served)) {
    answered_.operation = served_->operation;
    answered_.method = http::name_of(request.method);
    answered_.path = request.path;
    answered_.address = request.peer;
  }
  void is_by(const identity::Caller& caller) { answered_.administrator = caller.name; }
  void failed(const Error& error) { answered_.error = error.text(); }
  void end(unsigned status) {
    const auto took = std::chrono::steady_clock::now() - start_;
    answered_.microseconds = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
    answered_.status = status;
    if (served_->counts) served_->counts->add(status, static_cast<std::uint64_t>(answered_.microseconds));
    if (served_->desk->options.log) served_->desk->options.log(answered_);
  }

 private:
  const std::shared_ptr<const Served> served_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  Answered answered_;
};

// Passes the answer on and tells the watch.
class WatchedLink : public http::Responder::Link {
 public:
  WatchedLink(std::shared_ptr<Watch> watch, http::Responder responder)
      : watch_(std::move(watch)), responder_(std::move(responder)) {}
  ~WatchedLink() override {
    if (watch_) watch_->end(unanswered_);
  }
  bool send(http::Response response) override {
    std::exchange(watch_, nullptr)->end(response.status);
    return responder_.send(std::move(response));
  }
  http::BodyStream stream(http::Response head) override {
    std::exchange(watch_, nullptr)->end(head.status);
    return responder_.stream(std::move(head));
  }
  void park(std::chrono::steady_clock::time_point deadline, http::Response at_deadline) override {
    unanswered_ = at_deadline.status;
    responder_.park(deadline, std::move(at_deadline));
  }
  bool open() const override { return responder_.open(); }

 private:
  std::shared_ptr<Watch> watch_;
  http::Responder responder_;
  unsigned unanswered_ = 500;  // what the listener answers if nobody does
};

// Keeps the answer.
class KeptLink : public http::Responder::Link {
 public:
  explicit KeptLink(http::Response& kept) : kept_(kept) {}
  bool send(http::Response response) override {
    kept_ = std::move(response);
    return true;
  }
  http::BodyStream stream(http::Response) override { throw std::logic_error("what creates does not stream"); }
  void park(std::chrono::steady_clock::time_point, http::Response) override {}
  bool open() const override { return true; }

 private:
  http::Response& kept_;
};

http::Response not_signed_in(std::string_view why) {
  auto response = problem_response(401, why);
  response.headers.emplace_back("www-authenticate", "Bearer");
  return response;
}

std::expected<identity::Caller, http::Response> known_caller(const Endpoint& endpoint, const Services& services,
                                                             const http::Request& request) {
  if (endpoint.permission == Permission::everyone) return identity::Caller{.address = request.peer};
  auto caller = services.identity->authenticate(request);
  if (!caller) {
    const bool denied = caller.error().code == kForbidden;
    return std::unexpected(denied ? not_signed_in(caller.error().text()) : problem_response(caller.error()));
  }
  if (caller->permission == Permission::everyone)
    return std::unexpected(not_signed_in("sign in, or send an API token as `Authorization: Bearer TOKEN`"));
  caller->address = request.peer;
  return std::move(*caller);
}

std::optional<http::Response> too_often(Desk& desk, const identity::Caller& caller) {
  const bool known = caller.administrator != 0;
  const auto wait =
      desk.limit.take(known ? std::to_string(caller.administrator) : caller.address,
                      known ? desk.options.of_administrator : desk.options.of_address, desk.services.clock());
  if (wait == 0) return std::nullopt;
  auto response = problem_response(429, "requests come too often; wait a little");
  for (auto& [name, value] : response.headers)
    if (name == "retry-after") value = std::to_string((wait + 999) / 1000);
  return response;
}

std::optional<http::Response> not_allowed(const Endpoint& endpoint, const identity::Caller& caller) {
  if (caller.permission >= endpoint.permission) return std::nullopt;
  if (caller.permission == Permission::signed_in)
    return problem_response(403, "change your password first: PUT /api/v1/me/password");
  return problem_response(403, fmt::format("this needs the permission \"{}\", you have \"{}\"",
                                           name_of(endpoint.permission), name_of(caller.permission)));
}

// Forms of other sites cannot say that they are JSON.
std::optional<http::Response> not_json(const http::Request& request) {
  if (request.body.empty()) return std::nullopt;
  auto type = request.header("content-type");
  if (equal_ignoring_case(trim(take_until(type, ';')), "application/json")) return std::nullopt;
  auto response = problem_response(415, "the body must be JSON, and say so: `Content-Type: application/json`");
  response.headers.emplace_back("accept", "application/json");
  return response;
}

// Who asks, or why not.
std::expected<identity::Caller, http::Response> admit(const Served& served, const http::Request& request) {
  auto caller = known_caller(served.endpoint, served.desk->services, request);
  auto refused = too_often(*served.desk, caller.value_or(identity::Caller{.address = request.peer}));
  if (!refused && caller) refused = not_allowed(served.endpoint, *caller);
  if (!refused && caller) refused = not_json(request);
  if (refused) return std::unexpected(std::move(*refused));
  return caller;
}

http::Response run_once(const Served& served, std::string_view key, const http::Request& request,
                        const Context& context) {
  const bool good = !key.empty() && key.size() <= kMostIdempotencyKey &&
                    std::ranges::all_of(key, [](char c) { return c > ' ' && c < '\x7f'; });
  if (!good) return problem_response(422, "an Idempotency-Key has 1 to 255 characters of ASCII, without blanks");
  return once(*context.services.database, context.caller, key, request, context.now, [&] {
    http::Response response;
    served.endpoint.run(request, context, http::Responder(std::make_unique<KeptLink>(response)));
    return response;
  });
}

void serve(const std::shared_ptr<const Served>& served, const http::Request& request, http::Responder unwatched) {
  const auto watch = std::make_shared<Watch>(served, request);
  http::Responder responder(std::make_unique<WatchedLink>(watch, std::move(unwatched)));
  auto caller = admit(*served, request);
  if (!caller) {
    responder.send(std::move(caller.error()));
    return;
  }
  watch->is_by(*caller);
  const auto& services = served->desk->services;
  const Context context{.caller = std::move(*caller),
                        .services = services,
                        .now = services.clock(),
                        .head = request,
                        .failed = [watch](const Error& error) { watch->failed(error); }};
  const auto key = std::ranges::find(request.headers, "idempotency-key", &std::pair<std::string, std::string>::first);
  if (served->endpoint.creates && key != request.headers.end())
    responder.send(run_once(*served, key->second, request, context));
  else
    served->endpoint.run(request, context, std::move(responder));
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
        {"schema", json::object{{"type", "string"}, {"minLength", 1}, {"maxLength", kMostIdempotencyKey}}}});
  }
  const json::object problem{{"schema", json::object{{"$ref", "#/components/schemas/Problem"}}}};
  operation["responses"].as_object()["default"] = json::object{
      {"description", "What went wrong (RFC 9457)."}, {"content", json::object{{"application/problem+json", problem}}}};
  if (endpoint.permission == Permission::everyone) operation["security"] = json::array();
  return operation;
}

void write_page(const json::value& value, std::size_t depth, std::string& page) {
  const std::string indent(2 * (depth + 1), ' ');
  const auto each = [&](char open, char close, const auto& items, auto&& write_item) {
    page += open;
    bool first = true;
    for (const auto& item : items) {
      page += first ? "\n" : ",\n";
      first = false;
      page += indent;
      write_item(item);
    }
    page += '\n' + std::string(2 * depth, ' ') + close;
  };
  if (const auto* object = value.if_object(); object && !object->empty())
    each('{', '}', *object, [&](const auto& member) {
      page += json::serialize(member.key()) + ": ";
      write_page(member.value(), depth + 1, page);
    });
  else if (const auto* list = value.if_array(); list && !list->empty())
    each('[', ']', *list, [&](const auto& item) { write_page(item, depth + 1, page); });
  else
    page += json::serialize(value);
}

}  // namespace

Result<void> mount(http::Router& router, std::span<const NamedEndpoint> endpoints, const Services& services,
                   Options options) {
  const auto desk = std::make_shared<Desk>(services, std::move(options));
  for (const auto& named : endpoints) {
    const auto served = std::make_shared<Served>(Served{named.operation, named.make()});
    served->desk = desk;
    if (desk->options.counts) served->counts = &desk->options.counts->of(std::string(named.operation));
    const auto& endpoint = served->endpoint;
    http::Route route{.method = endpoint.method, .pattern = endpoint.path, .body_cap = endpoint.body_cap};
    route.handle = [served](const http::Request& request, http::Responder responder) {
      serve(served, request, std::move(responder));
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

std::string openapi_page(std::span<const NamedEndpoint> endpoints) {
  std::string page;
  write_page(openapi(endpoints), 0, page);
  return page + '\n';
}

}  // namespace osprey::server::api
