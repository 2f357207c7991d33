#include "linux/http/http_module.h"

#include <optional>

#include "base/module.h"
#include "base/version.h"
#include "tables/table.h"

namespace osprey::tables {
namespace {

using linux::HttpModule;
using linux::HttpResponse;

// One request, made when the first column is asked for that needs its answer.
struct Handle {
  const Scan* scan;
  linux::HttpRequest request;
  std::optional<HttpResponse> response = std::nullopt;
  bool made = false;

  Result<HttpResponse> make() const {
    if (request.user_agent.find_first_of("\r\n") != std::string::npos)
      return failure(request.url, "a user agent cannot have line ends");
    return TRY(open_module<HttpModule>())->get(request, scan->interrupt());
  }
  const std::optional<HttpResponse>& answer() {
    if (made) return response;
    made = true;
    response = scan->take(make());
    if (response && response->truncated) scan->warn(failure(request.url, "the result was cut at 4 MiB").error());
    return response;
  }

  template <class F>
  auto of_answer(F of) -> std::optional<decltype(of(*response))> {
    const auto& found = answer();
    if (!found) return std::nullopt;
    return of(*found);
  }
  std::optional<long> response_code() {
    return of_answer([](const HttpResponse& r) { return r.status; });
  }
  std::optional<std::int64_t> round_trip_time() {
    return of_answer([](const HttpResponse& r) { return std::int64_t{r.round_trip.count()}; });
  }
  std::optional<std::size_t> bytes() {
    return of_answer([](const HttpResponse& r) { return r.body.size(); });
  }
  std::optional<std::string_view> result() {
    return of_answer([](const HttpResponse& r) { return std::string_view(r.body); });
  }
};

Rows<Handle> scan(const Scan& scan) {
  const auto agents =
      scan.keys<std::string>("user_agent", [] { return std::vector{"osprey/" + std::string(version())}; });
  for (const auto& url : scan.texts("url").value_or(std::vector<std::string>{})) {
    for (const auto& agent : agents) {
      if (scan.interrupted()) co_return;
      Handle handle{&scan, {.url = url, .user_agent = agent}};
      co_yield handle;
    }
  }
}

}  // namespace

Table curl() {
  return table("curl", "What an HTTP or HTTPS server answers to a GET request from this host.", scan)
      .column(
          "url", TEXT, [](const Handle& h) { return h.request.url; }, "Where the request goes.",
          INDEX | REQUIRED | OPTIMIZED)
      .column(
          "method", TEXT, [](const Handle&) { return "GET"; }, "Method of the request: always GET.")
      .column(
          "user_agent", TEXT, [](const Handle& h) { return h.request.user_agent; },
          "Name that the request gives for its sender; osprey with its version unless the query asks for another.",
          ADDITIONAL)
      .column("response_code", INTEGER, &Handle::response_code, "HTTP status code of the answer, after redirects.")
      .column("round_trip_time", BIGINT, &Handle::round_trip_time,
              "Microseconds from the look-up of the name to the last byte.")
      .column("bytes", BIGINT, &Handle::bytes, "Bytes in the result.")
      .column("result", TEXT, &Handle::result, "Body of the answer, at most 4 MiB of it.")
      .host_only()
      .example("SELECT response_code, round_trip_time FROM curl WHERE url = 'http://127.0.0.1:8080/health'")
      .note(
          "A request ends after 10 seconds, follows redirects, uses no proxy and trusts the system's authorities. "
          "Where it fails the row stays, its answer NULL.");
}

}  // namespace osprey::tables
