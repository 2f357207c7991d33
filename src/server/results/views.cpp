#include "server/results/views.h"

#include "server/api/problem.h"
#include "server/db/json.h"
#include "server/hosts/hosts.h"

namespace osprey::server::results {

LineView view_of(const Line& line, const Services& services) {
  const Row& row = line.row;
  LineView view{.id = line.id,
                .received = line.received,
                .host = line.host,
                .kind = row.kind,
                .query = row.name,
                .decorations = db::json_object(row.decorations),
                .epoch = row.epoch,
                .counter = row.counter};
  if (row.unix_ms != 0) view.host_time = Timestamp{row.unix_ms};
  if (services.hosts)
    if (const auto host = services.hosts->find(line.host)) view.host_name = host->name;
  if (row.action != Action::none) view.action = row.action;
  if (row.severity >= 0) view.severity = row.severity;
  if (row.kind == Kind::raw)
    view.raw = row.columns;
  else
    view.columns = db::json_object(row.columns);
  return view;
}

Result<Filter> FilterRequest::filter() const {
  Filter filter{.status = status,
                .hosts = host,
                .queries = query,
                .query_prefix = query_prefix,
                .actions = action,
                .from = from,
                .to = to,
                .text = text};
  if (severity) filter.least_severity = static_cast<int>(*severity);
  for (const std::string& each : value) {
    const std::size_t at = each.find_first_of("=~");
    if (at == std::string::npos || at == 0)
      return api::problem(api::kInvalid, "value", "must be COLUMN=VALUE or COLUMN~PART");
    filter.values.push_back({each.substr(0, at), each.substr(at + 1),
                             each[at] == '=' ? ValueMatch::How::equals : ValueMatch::How::contains});
  }
  return filter;
}

}  // namespace osprey::server::results
