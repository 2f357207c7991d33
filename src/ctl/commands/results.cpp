#include <fmt/format.h>

#include "ctl/commands/commands.h"

namespace osprey::ctl {
namespace {

struct Filter {
  std::vector<std::string> hosts, queries, actions, values;
  std::string prefix, severity, from, to, text;
  bool status = false;
  std::int64_t most = 100;

  void add_to(CLI::App& app) {
    app.add_flag("--status", status, "Status lines of the agents instead of results");
    app.add_option("--host", hosts, "Of a host; may be said several times");
    app.add_option("--query", queries, "Of a query, by name; may be said several times");
    app.add_option("--query-prefix", prefix, "Of queries whose names begin so: pack_NAME_");
    app.add_option("--action", actions, "Only these")->check(CLI::IsMember({"added", "removed", "snapshot"}));
    app.add_option("--severity", severity, "Of status lines, the least: 0 information, 1 warning, 2 error, 3 fatal");
    app.add_option("--from", from, "Received then or later: 2026-11-22T14:00:00Z, or so long ago: 2h, 7d");
    app.add_option("--to", to, "Received before");
    app.add_option("--value", values, "COLUMN=VALUE, or COLUMN~PART for what contains it; may be said several times");
    app.add_option("--text", text, "Somewhere in the row");
  }
};

// A time, or how long ago.
std::string time_of(const std::string& text) {
  const auto ago = duration_seconds(text);
  return ago ? time_from_now(-*ago) : text;
}

Result<Parameters> parameters_of(Api& api, const Filter& filter) {
  Parameters made{
      {"status", filter.status ? "true" : ""}, {"query_prefix", filter.prefix}, {"severity", filter.severity},
      {"from", time_of(filter.from)},          {"to", time_of(filter.to)},      {"text", filter.text}};
  for (const auto number : TRY(host_numbers(api, filter.hosts))) made.emplace_back("host", std::to_string(number));
  for (const auto& query : filter.queries) made.emplace_back("query", query);
  for (const auto& action : filter.actions) made.emplace_back("action", action);
  for (const auto& value : filter.values) made.emplace_back("value", value);
  return made;
}

Result<int> search(Session& session, const Filter& filter) {
  auto* api = TRY(session.api());
  const auto parameters = TRY(parameters_of(*api, filter));
  return session.list({"results"}, parameters,
                      {{"RECEIVED", "received"},
                       {"HOST", "host_name"},
                       {"QUERY", "query"},
                       {"ACTION", "action"},
                       {"COLUMNS", "columns"}},
                      filter.most);
}

Result<int> export_all(Session& session, const Filter& filter) {
  auto* api = TRY(session.api());
  auto parameters = TRY(parameters_of(*api, filter));
  return session.pass_on({"results", "export"}, std::move(parameters));
}

}  // namespace

void add_results(CLI::App& app, Session& session) {
  auto* results = group(app, "results", "Rows that hosts have logged");
  auto filter = std::make_shared<Filter>();
  auto* found = command(*results, session, "search", "Rows that a search finds, newest first",
                        [&session, filter] { return search(session, *filter); });
  filter->add_to(*found);
  found->add_option("--most", filter->most, "No more than so many; 0: all")->capture_default_str();
  found->footer("Example:\n  ospreyctl results search --query listening_ports --value port=4444 --from 7d");
  auto* exported =
      command(*results, session, "export", "All rows that a search finds, as jsonl, json or csv (--format)",
              [&session, filter] { return export_all(session, *filter); });
  filter->add_to(*exported);
  exported->footer("Example:\n  ospreyctl results export --host web-1 --from 1d --format csv > web-1.csv");
  command(*results, session, "storage", "How much is stored, and how long it is kept", [&session]() -> Result<int> {
    auto* api = TRY(session.api());
    return session.show(TRY(api->get(path_of({"results", "storage"}))));
  });
}

}  // namespace osprey::ctl
