// Router: which handler answers which method and path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/http/message.h"
#include "server/http/responder.h"

namespace osprey::server::http {

// Where a handler runs.
enum class Runs : std::uint8_t {
  on_worker,    // may wait for the database
  on_listener,  // on the listener's thread: answers from memory, within microseconds, and never waits
};

struct Route {
  Method method = Method::get;
  std::string pattern;  // "/api/v1/hosts/{host}/tags": {…} is one segment; a last {…*} is the rest of the path
  Runs runs = Runs::on_worker;
  std::size_t body_cap = 1 << 20;  // bytes, unpacked; more is 413 before it is read
  bool gzip_body = false;          // Content-Encoding: gzip is taken
  // Looks at the head before the body is read; an answer refuses the request. On the listener's thread, from memory.
  std::function<std::optional<Response>(const RequestHead&)> admit;
  std::function<void(Request request, Responder responder)> handle;
};

struct Match {
  const Route* route = nullptr;
  std::vector<std::string> parameters;
};

// An error's answer (RFC 9457): application/problem+json with status, title and `what` as its detail; a 503 says when
// to come again.
Response problem(const RequestHead& head, unsigned status, std::string what);

// Built once, then read by every thread.
class Router {
 public:
  Router();
  // An error: this method and pattern are taken already.
  Result<void> add(Route route);
  // No route: 404, or 405 with the `allow` header where another method would do. A literal segment wins over a {…}.
  // HEAD goes to the GET route where it has none of its own.
  std::expected<Match, Response> find(Method method, std::string_view path) const;
  // How the errors that the listener gives itself look (404, 413, 500…): never with an empty body. What is known of the
  // request then may be as little as nothing. From any of the listener's threads.
  std::function<Response(const RequestHead&, unsigned status, std::string what)> error = problem;

 private:
  struct Node;
  std::shared_ptr<Node> root_;
};

}  // namespace osprey::server::http
