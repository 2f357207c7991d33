// The administration API: every endpoint behind the router, with who may, how often, and how it fails in one place.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "server/api/counts.h"
#include "server/api/endpoint.h"
#include "server/api/rate_limit.h"
#include "server/http/router.h"
#include "server/services.h"

namespace osprey::server::api {

// A request that has been answered, for the log.
struct Answered {
  std::string_view operation;
  std::string_view method;
  std::string path;
  std::string address;
  std::string administrator;  // the name; empty: nobody had signed in
  unsigned status = 0;
  std::int64_t microseconds = 0;
  std::string error;  // why it failed: of a 5xx more than the caller is told
};

struct Options {
  Rate of_administrator{100, 500};
  Rate of_address{10, 100};  // that of requests by nobody who is known
  Counts* counts = nullptr;  // outlives the router
  // From any thread; failures of the server's own (5xx) too.
  std::function<void(const Answered&)> log;
};

// Adds a route an endpoint: authenticates, holds the permission against the caller's, counts, runs, and turns whatever
// goes wrong into a problem. `services` outlives the router.
Result<void> mount(http::Router& router, std::span<const NamedEndpoint> endpoints, const Services& services,
                   Options options = {});

// The OpenAPI 3.1 page of these endpoints.
boost::json::object openapi(std::span<const NamedEndpoint> endpoints);
// The same to be read, and to be compared line by line.
std::string openapi_page(std::span<const NamedEndpoint> endpoints);

}  // namespace osprey::server::api
