#include "server/api/problem.h"

#include <boost/json.hpp>

#include "server/db/database.h"
#include "server/identity/identity.h"

namespace osprey::server::api {
namespace {

struct Kind {
  unsigned status;
  std::string_view title;
};

constexpr Kind kKinds[] = {
    {400, "Malformed request"}, {401, "Not signed in"},      {403, "Not allowed"},
    {404, "Not found"},         {405, "Method not allowed"}, {406, "Not acceptable"},
    {408, "Request timed out"}, {409, "Conflict"},           {410, "Gone"},
    {411, "Length required"},   {413, "Request too large"},  {415, "Unsupported media type"},
    {422, "Invalid request"},   {429, "Too many requests"},  {431, "Request header too large"},
    {500, "Internal error"},    {501, "Not implemented"},    {503, "Not available for the moment"},
};

std::string_view title_of(unsigned status) {
  for (const auto& kind : kKinds)
    if (kind.status == status) return kind.title;
  return "Error";
}

unsigned status_of(const Error& error) {
  switch (error.code) {
    case kInvalid:
      return 422;
    case kNotFound:
      return 404;
    case kForbidden:
    case identity::kWrongCsrf:
      return 403;
    case kConflict:
    case db::kDuplicate:
      return 409;
    case kGone:
      return 410;
    case kTooMany:
      return 429;
    case db::kUnavailable:
    case db::kTimeout:
      return 503;
    default:
      return 500;
  }
}

}  // namespace

std::unexpected<Error> problem(int code, std::string where, std::string what) {
  return std::unexpected(Error{code, std::move(where), std::move(what)});
}

std::string pointer_token(std::string_view name) {
  std::string made;
  for (const char c : name) {
    if (c == '~')
      made += "~0";
    else if (c == '/')
      made += "~1";
    else
      made += c;
  }
  return made;
}

http::Response problem_response(unsigned status, std::string_view detail, const std::vector<Fault>& faults) {
  boost::json::object body{
      {"type", "about:blank"}, {"title", title_of(status)}, {"status", status}, {"detail", detail}};
  if (!faults.empty()) {
    auto& list = body["errors"].emplace_array();
    for (const auto& fault : faults)
      list.push_back(boost::json::object{{"pointer", fault.pointer}, {"detail", fault.message}});
  }
  http::Response response{.status = status, .content_type = "application/problem+json"};
  if (status == 429 || status == 503) response.headers.emplace_back("retry-after", "5");
  response.body = boost::json::serialize(body);
  return response;
}

http::Response problem_response(const Error& error) {
  const auto status = status_of(error);
  return problem_response(status, status == 500 ? "the server's log tells more" : error.text());
}

}  // namespace osprey::server::api
