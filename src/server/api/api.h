// The administration API: every endpoint behind the router, with who may, what it costs and how it fails in one place.
#pragma once

#include <boost/json/object.hpp>
#include <span>

#include "base/result.h"
#include "server/api/endpoint.h"
#include "server/http/router.h"
#include "server/services.h"

namespace osprey::server::api {

// Adds a route an endpoint: authenticates, holds the permission against the caller's, runs, and turns whatever goes
// wrong into a problem. `services` outlives the router.
Result<void> mount(http::Router& router, std::span<const NamedEndpoint> endpoints, const Services& services);

// The OpenAPI 3.1 page of these endpoints.
boost::json::object openapi(std::span<const NamedEndpoint> endpoints);

}  // namespace osprey::server::api
