#include "server/http/router.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <functional>
#include <map>
#include <span>
#include <string_view>
#include <utility>

#include "base/percent.h"
#include "base/text.h"
#include "server/http/answer.h"

namespace osprey::server::http {
namespace {

constexpr std::array kMethods{Method::get, Method::head, Method::post, Method::put, Method::patch, Method::delete_};
using Slots = std::array<std::optional<Route>, kMethods.size()>;

std::vector<std::string_view> segments_of(std::string_view path) { return split(path.substr(1), '/'); }

enum class Segment : std::uint8_t { literal, any, rest, malformed };

Segment kind_of(std::string_view segment) {
  if (segment.find_first_of("{}") == std::string_view::npos) return Segment::literal;
  const bool whole = segment.size() > 2 && segment.front() == '{' && segment.find('}') == segment.size() - 1 &&
                     segment.find('{', 1) == std::string_view::npos;
  if (!whole) return Segment::malformed;
  return segment.ends_with("*}") ? Segment::rest : Segment::any;
}

}  // namespace

struct Router::Node {
  std::map<std::string, Node, std::less<>> literals;
  std::unique_ptr<Node> any;
  Slots routes;  // of the path that ends here
  Slots rest;    // of every path that goes on from here

  using Values = std::vector<std::string_view>;
  using Path = std::span<const std::string_view>;

  // The routes of `path`, the literal ones first; `values` are what stood at the {names}.
  const Slots* find(Path path, Values& values) const {
    if (path.empty()) return has_any(routes) ? &routes : nullptr;
    if (const auto literal = literals.find(path.front()); literal != literals.end()) {
      if (const auto* found = literal->second.find(path.subspan(1), values)) return found;
    }
    if (any && !path.front().empty()) {
      values.push_back(path.front());
      if (const auto* found = any->find(path.subspan(1), values)) return found;
      values.pop_back();
    }
    if (!has_any(rest)) return nullptr;
    values.emplace_back(path.front().data(), path.back().data() + path.back().size() - path.front().data());
    return &rest;
  }
  static bool has_any(const Slots& slots) {
    return std::ranges::any_of(slots, [](const auto& route) { return route.has_value(); });
  }
};

Response problem(const RequestHead&, unsigned status, std::string what) {
  const boost::json::object body{
      {"type", "about:blank"}, {"title", reason_of(status)}, {"status", status}, {"detail", std::move(what)}};
  return {.status = status,
          .content_type = "application/problem+json",
          .headers = status == 503 ? Headers{{"retry-after", "5"}} : Headers(),
          .body = boost::json::serialize(body),
          .shared_body = nullptr,
          .close = false};
}

Router::Router() : root_(std::make_shared<Node>()) {}

Result<void> Router::add(Route route) {
  if (!route.pattern.starts_with('/')) return failure(route.pattern, "a route's pattern begins with a slash");
  const auto segments = segments_of(route.pattern);
  Node* node = root_.get();
  Slots* slots = nullptr;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const auto kind = kind_of(segments[i]);
    if (kind == Segment::malformed || (kind == Segment::rest && i + 1 < segments.size())) {
      return failure(route.pattern, "a {name} is a whole segment, and {name*} the last one");
    }
    if (kind == Segment::rest) {
      slots = &node->rest;
    } else if (kind == Segment::any) {
      if (!node->any) node->any = std::make_unique<Node>();
      node = node->any.get();
    } else {
      node = &node->literals[std::string(segments[i])];
    }
  }
  if (slots == nullptr) slots = &node->routes;
  auto& slot = (*slots)[std::to_underlying(route.method)];
  if (slot) return failure(route.pattern, "there is a route for this method and pattern already: " + slot->pattern);
  slot = std::move(route);
  return {};
}

std::expected<Match, Response> Router::find(Method method, std::string_view path) const {
  const auto refused = [&](unsigned status, std::string what) {
    RequestHead head;
    head.method = method;
    head.target = head.path = path;
    return error(head, status, std::move(what));
  };
  if (!path.starts_with('/')) return std::unexpected(refused(404, "there is nothing at this path"));
  const auto segments = segments_of(path);
  Node::Values values;
  const Slots* slots = root_->find(segments, values);
  if (slots == nullptr) return std::unexpected(refused(404, "there is nothing at this path"));
  const auto route_of = [&](Method m) -> const Route* {
    const auto& slot = (*slots)[std::to_underlying(m)];
    return slot ? &*slot : nullptr;
  };
  Match match{.route = route_of(method), .parameters = {}};
  if (match.route == nullptr && method == Method::head) match.route = route_of(Method::get);
  if (match.route == nullptr) {
    std::string allowed;
    for (const auto other : kMethods) {
      const bool does = route_of(other) != nullptr || (other == Method::head && route_of(Method::get) != nullptr);
      if (does) allowed.append(allowed.empty() ? "" : ", ").append(name_of(other));
    }
    Response answer = refused(405, "this path answers " + allowed);
    answer.headers.emplace_back("allow", std::move(allowed));
    return std::unexpected(std::move(answer));
  }
  for (const auto value : values) {
    auto decoded = percent_decoded(value);
    if (!decoded) return std::unexpected(refused(400, "a percent sign in the path has no two hexadecimal digits"));
    match.parameters.push_back(*std::move(decoded));
  }
  return match;
}

}  // namespace osprey::server::http
