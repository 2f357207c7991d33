#include "server/hosts/refresh.h"

#include <fmt/format.h>
#include <soci/soci.h>

#include <map>
#include <optional>

#include "server/hosts/records.h"

namespace osprey::server::hosts {
namespace {

constexpr std::size_t kMostError = 1000;

void take_over_rows(Host& host, std::string_view query, const std::vector<Row>& rows) {
  if (rows.empty()) return;
  take_over(host, query, rows.front());
  if (query != "osquery_flags") return;
  Row flags;
  for (const auto& row : rows) {
    const auto name = row.find("name");
    const auto value = row.find("value");
    if (name != row.end() && value != row.end()) flags.insert_or_assign(name->second, value->second);
  }
  host.promise = promise_of(flags).value_or(kNoPromise);
}

}  // namespace

std::size_t Refresh::bytes() const noexcept {
  std::size_t sum = sizeof *this;
  for (const auto& part : parts) sum += part.rows.size() * 3 + part.error.size();
  return sum;
}

Refresh::Part part_of(agents::Answer answer, const DetailQuery& query) {
  Refresh::Part part{.query = query.name};
  if (answer.failed) {
    part.error = answer.message.empty() ? "the host says no more" : answer.message.substr(0, kMostError);
  } else if (answer.rows.size() > kMostAnswer) {
    part.error = fmt::format("the answer has {} bytes, {} are the most", answer.rows.size(), kMostAnswer);
  } else if (auto rows = parse_rows(answer.rows); rows) {
    part.parsed = std::move(*rows);
    part.rows = std::move(answer.rows);
  } else {
    part.error = rows.error().text();
  }
  return part;
}

// Every round trip to the database counts: all hosts' rows of a kind go with few statements.
std::vector<HostId> write_refreshes(soci::session& sql, db::Dialect dialect, std::span<const Refresh> items,
                                    std::span<const HostId> ids, const HealthRule& rule) {
  struct Change {
    Timestamp at;
    Host host;
    std::optional<std::vector<QueryTrouble>> troubles;
  };
  const auto records = hold_hosts(sql, dialect, ids);
  std::map<HostId, Change> changes;
  for (const auto& record : records) changes[record.host.id].host = record.host;
  std::vector<DetailChange> details;
  for (const auto& item : items) {
    const auto found = changes.find(item.host);
    if (found == changes.end()) continue;
    auto& change = found->second;
    change.at = item.at;
    for (const auto& part : item.parts) {
      details.push_back(
          {.host = item.host, .query = part.query, .rows = part.rows, .error = part.error, .at = item.at});
      if (part.failed()) continue;
      take_over_rows(change.host, part.query, part.parsed);
      if (part.query == "osquery_schedule") change.troubles = troubles_in(part.parsed, rule);
    }
  }

  std::vector<HostTime> refreshed;
  std::vector<HostTroubles> troubles;
  std::vector<Host> hosts;
  std::vector<HostId> changed;
  for (const auto& record : records) {
    auto& change = changes.at(record.host.id);
    refreshed.push_back({record.host.id, change.at});
    if (change.troubles) troubles.push_back({record.host.id, std::move(*change.troubles)});
    if (change.host == record.host) continue;
    changed.push_back(record.host.id);
    hosts.push_back(std::move(change.host));
  }
  write_details(sql, details);
  write_troubles(sql, troubles);
  write_refreshed(sql, refreshed);
  update_hosts(sql, hosts);
  return changed;
}

}  // namespace osprey::server::hosts
