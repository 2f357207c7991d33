// Lines and filters as the API has them.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "server/api/fields.h"
#include "server/results/results.h"
#include "server/services.h"

template <>
struct osprey::server::api::EnumNames<osprey::server::results::Kind> {
  using Kind = osprey::server::results::Kind;
  static constexpr std::array kNames{
      std::pair{Kind::row, std::string_view("row")}, std::pair{Kind::empty, std::string_view("empty")},
      std::pair{Kind::raw, std::string_view("raw")}, std::pair{Kind::status, std::string_view("status")}};
};
template <>
struct osprey::server::api::EnumNames<osprey::server::results::Action> {
  using Action = osprey::server::results::Action;
  static constexpr std::array kNames{std::pair{Action::added, std::string_view("added")},
                                     std::pair{Action::removed, std::string_view("removed")},
                                     std::pair{Action::snapshot, std::string_view("snapshot")}};
};

namespace osprey::server::results {

struct LineView {
  std::int64_t id = 0;
  Timestamp received;
  std::optional<Timestamp> host_time;
  std::int64_t host = 0;
  std::string host_name;
  Kind kind = Kind::row;
  std::string query;
  std::optional<Action> action;
  std::optional<std::int64_t> severity;
  boost::json::object columns, decorations;
  std::optional<std::string> raw;
  std::int64_t epoch = 0, counter = 0;
  static constexpr std::string_view kTypeName = "ResultLine";
  static constexpr auto fields() {
    using api::field;
    return std::tuple(
        field("id", &LineView::id, "Number of the row; ascends as rows are stored."),
        field("received", &LineView::received, "When the server took it."),
        field("host_time", &LineView::host_time, "When the host says it was."),
        field("host", &LineView::host, "The host's number."),
        field("host_name", &LineView::host_name, "Empty where the host is gone."),
        field("kind", &LineView::kind,
              "row: of a result; empty: the query gave none; raw: no line of osquery's; status: of the agent about "
              "itself."),
        field("query", &LineView::query, "The query's name."),
        field("action", &LineView::action, "What became of the row."),
        field("severity", &LineView::severity, "Of a status line: 0 information, 1 warning, 2 error, 3 fatal."),
        field("columns", &LineView::columns, "The row; of a status line filename, line, message, version."),
        field("decorations", &LineView::decorations, "What the host's decorators added."),
        field("raw", &LineView::raw, "The line as it came, where it could not be understood."),
        field("epoch", &LineView::epoch, "Of the host's schedule."),
        field("counter", &LineView::counter, "Of the query's runs on the host."));
  }
};

LineView view_of(const Line& line, const Services& services);

// The members that every request with a filter has; a Request derives from it.
struct FilterRequest {
  bool status = false;
  std::vector<std::int64_t> host;
  std::vector<std::string> query;
  std::string query_prefix;
  std::vector<Action> action;
  std::optional<std::int64_t> severity;
  std::optional<Timestamp> from, to;
  std::vector<std::string> value;
  std::string text;

  // An error (kInvalid) where a `value` is not as it must be.
  Result<Filter> filter() const;

  static constexpr auto fields() {
    using api::field;
    return std::tuple(
        field("status", &FilterRequest::status, "Status lines of the agents instead of results.",
              {.has_default = true}),
        field("host", &FilterRequest::host, "Number of a host; one of several.", {.most = 1000, .has_default = true}),
        field("query", &FilterRequest::query, "Name of a query; one of several.", {.most = 100, .has_default = true}),
        field("query_prefix", &FilterRequest::query_prefix, "What the query's name begins with: \"pack_NAME_\".",
              {.most = 1000, .has_default = true}),
        field("action", &FilterRequest::action, "One of several.", {.most = 3, .has_default = true}),
        field("severity", &FilterRequest::severity, "Of status lines, the least.", {.least = 0, .most = 3}),
        field("from", &FilterRequest::from, "Received then or later."),
        field("to", &FilterRequest::to, "Received before."),
        field("value", &FilterRequest::value, "COLUMN=VALUE, or COLUMN~PART for what contains it; all of several.",
              {.most = 20, .has_default = true}),
        field("text", &FilterRequest::text, "Somewhere in the row.", {.most = 1000, .has_default = true}));
  }
};

}  // namespace osprey::server::results
