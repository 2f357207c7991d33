// Endpoint: one operation of the administration API, one file in SLICE/endpoints/:
//
//   // server/tags/endpoints/create_tag.cpp
//   namespace {
//   struct Request { std::string name; static constexpr auto fields() {…} };
//   Result<api::Created<Tag>> handle(const Request& request, const api::Context& context) {…}
//   }
//   api::Endpoint create_tag() {
//     return api::endpoint(http::Method::post, "/api/v1/tags", api::Permission::manage, "Makes a tag.", handle);
//   }
//
// in namespace osprey::server. The build lists the files; the function has the file's name, which is the operation's.
// A member of the request comes from the path if the pattern has it in braces, else from the query string (GET, DELETE)
// or from the JSON body. Result<void> answers 204, Created 201, anything else 200; WithHeaders says what it holds.
#pragma once

#include <boost/json.hpp>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/result.h"
#include "server/api/json.h"
#include "server/api/permission.h"
#include "server/api/problem.h"
#include "server/http/responder.h"
#include "server/http/router.h"
#include "server/identity/caller.h"
#include "server/services.h"

namespace osprey::server::api {

// What a handler is given besides its request. A streaming one copies what it keeps; services outlive it.
struct Context {
  identity::Caller caller;
  const Services& services;
  Timestamp now;
  const http::RequestHead& head;
  // Told why it failed, for the log: the caller of a 5xx learns little. May be empty.
  std::function<void(const Error&)> failed = {};
};

template <class T>
struct Created {
  T value;
  std::string location;  // path of what was made
};
template <class T>
inline constexpr bool kIsCreated = false;
template <class T>
inline constexpr bool kIsCreated<Created<T>> = true;

// A request without members; an answer without a body.
struct Nothing {
  static constexpr auto fields() { return std::tuple<>(); }
};

// An answer with headers of its own.
template <class T>
struct WithHeaders {
  T value{};
  http::Headers headers;
};
template <class T>
inline constexpr bool kIsWithHeaders = false;
template <class T>
inline constexpr bool kIsWithHeaders<WithHeaders<T>> = true;

struct Endpoint {
  http::Method method = http::Method::get;
  std::string path;
  Permission permission = Permission::administer;
  std::string summary;
  std::size_t body_cap = 1 << 20;
  bool creates = false;  // takes an Idempotency-Key

  // The members of "operation" that types tell: parameters, requestBody, responses.
  std::function<void(boost::json::object& operation, SchemaWriter& schemas)> describe;
  std::function<void(const http::Request& request, const Context& context, http::Responder responder)> run;
};

struct NamedEndpoint {
  std::string_view operation;  // "create_tag"
  std::string_view slice;      // "tags"
  Endpoint (*make)();
};
// Generated: every file in an endpoints/ folder.
std::span<const NamedEndpoint> endpoints();

// Below: what endpoint() is made of.

enum class Shape : unsigned char { boolean, number, text, list };

struct Member {
  std::string_view name;
  Shape shape;  // how a parameter's text becomes JSON
};

// The JSON object of a request: from path parameters, query string and body. Faults are told with their places.
json::object request_object(const http::Request& request, std::string_view path, std::span<const Member> members,
                            std::vector<Fault>& faults);
void describe_request(json::object& operation, const http::Method method, std::string_view path, json::object schema);
void describe_response(json::object& operation, unsigned status, std::string_view content_type, json::object schema);
http::Response json_response(unsigned status, const json::value& body);

template <class T>
constexpr Shape shape_of() {
  if constexpr (kIsOptional<T>)
    return shape_of<typename T::value_type>();
  else if constexpr (std::same_as<T, bool>)
    return Shape::boolean;
  else if constexpr (kIsWhole<T> || std::same_as<T, double>)
    return Shape::number;
  else if constexpr (kIsVector<T>)
    return Shape::list;
  else
    return Shape::text;
}

template <class Request>
Result<Request> read_request(const http::Request& request, std::string_view path, std::vector<Fault>& faults) {
  static const auto members = std::apply(
      [](const auto&... fields) {
        return std::vector<Member>{
            Member{fields.name, shape_of<std::remove_cvref_t<decltype(std::declval<Request&>().*fields.member)>>()}...};
      },
      Request::fields());
  Request read{};
  const auto object = request_object(request, path, members, faults);
  if (faults.empty()) Reader(faults).read_members(object, read);
  if (!faults.empty()) return problem(kInvalid, "request", "is not as the endpoint wants it");
  return read;
}

template <class Response>
http::Response respond(const Result<Response>& result) {
  if (!result) return problem_response(result.error());
  if constexpr (std::is_void_v<Response> || std::same_as<Response, Nothing>) {
    return http::Response{.status = 204};
  } else if constexpr (kIsWithHeaders<Response>) {
    auto response = respond<decltype(Response::value)>(result->value);
    response.headers = result->headers;
    return response;
  } else if constexpr (kIsCreated<Response>) {
    auto response = json_response(201, to_json(result->value));
    response.headers.emplace_back("location", result->location);
    return response;
  } else {
    return json_response(200, to_json(*result));
  }
}

template <class Response>
http::Response answer(const Result<Response>& result, const Context& context) {
  if (!result && context.failed) context.failed(result.error());
  return respond(result);
}

template <class Response>
void describe_result(json::object& operation, SchemaWriter& schemas) {
  if constexpr (std::is_void_v<Response> || std::same_as<Response, Nothing>)
    describe_response(operation, 204, "", {});
  else if constexpr (kIsWithHeaders<Response>)
    describe_result<decltype(Response::value)>(operation, schemas);
  else if constexpr (kIsCreated<Response>)
    describe_response(operation, 201, "application/json", schemas.schema<decltype(Response::value)>());
  else
    describe_response(operation, 200, "application/json", schemas.schema<Response>());
}

template <class Request, class Response>
Endpoint endpoint(http::Method method, std::string path, Permission permission, std::string summary,
                  Result<Response> (*handle)(const Request&, const Context&)) {
  Endpoint made{.method = method, .path = path, .permission = permission, .summary = std::move(summary)};
  made.creates = kIsCreated<Response>;
  made.describe = [=](json::object& operation, SchemaWriter& schemas) {
    describe_request(operation, method, path, schemas.schema<Request>());
    describe_result<Response>(operation, schemas);
  };
  made.run = [=](const http::Request& request, const Context& context, http::Responder responder) {
    std::vector<Fault> faults;
    const auto read = read_request<Request>(request, path, faults);
    if (!read)
      responder.send(problem_response(422, read.error().text(), faults));
    else
      responder.send(answer(handle(*read, context), context));
  };
  return made;
}

// A handler that answers by itself: a stream, or later. `content_type` of what it sends; several have commas between.
template <class Request>
Endpoint endpoint(http::Method method, std::string path, Permission permission, std::string summary,
                  void (*handle)(const Request&, const Context&, http::Responder), std::string content_type) {
  Endpoint made{.method = method, .path = path, .permission = permission, .summary = std::move(summary)};
  made.describe = [=](json::object& operation, SchemaWriter& schemas) {
    describe_request(operation, method, path, schemas.schema<Request>());
    describe_response(operation, 200, content_type, json::object{{"type", "string"}});
  };
  made.run = [=](const http::Request& request, const Context& context, http::Responder responder) {
    std::vector<Fault> faults;
    const auto read = read_request<Request>(request, path, faults);
    if (!read)
      responder.send(problem_response(422, read.error().text(), faults));
    else
      handle(*read, context, std::move(responder));
  };
  return made;
}

}  // namespace osprey::server::api
