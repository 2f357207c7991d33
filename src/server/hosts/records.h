// The hosts' rows in the database. All throw soci::soci_error; the database turns it into an error.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/hosts/service.h"

namespace osprey::server::hosts {

struct Record {
  Host host;
  Signs signs{};
  Timestamp details;  // when its details were last refreshed; 0: never
};
// Ascending by id; at most `limit` after `after`.
std::vector<Record> load_page(soci::session& sql, HostId after, int limit);
std::vector<Record> load_hosts(soci::session& sql, std::span<const HostId> hosts);
// The same, held against other transactions until this one ends.
std::vector<Record> hold_hosts(soci::session& sql, db::Dialect dialect, std::span<const HostId> hosts);
// Who has the tag, ascending.
std::vector<HostId> load_members(soci::session& sql, TagId tag);

HostId insert_host(soci::session& sql, const Host& host);
void update_hosts(soci::session& sql, std::span<const Host> hosts);
// False: there was none.
bool delete_host(soci::session& sql, HostId host);

struct Enrolment {
  Timestamp at;
  std::string identifier;
  std::string name;
  std::string platform;
  std::string os_version;
  std::string version;
};
// Keeps the newest fifty of a host.
void insert_enrolment(soci::session& sql, const Host& host, Timestamp at);
std::vector<Enrolment> load_enrolments(soci::session& sql, HostId host);  // newest first

void write_seen(soci::session& sql, std::span<const SeenChange> changes);
struct HostTime {
  HostId host = 0;
  Timestamp at;
};
void write_refreshed(soci::session& sql, std::span<const HostTime> refreshed);  // each host once
struct SignTimes {
  Timestamp first, last;
};
std::array<SignTimes, kSigns> load_signs(soci::session& sql, HostId host);
// The etag of the configuration that it was given last; empty: none.
std::string load_configuration(soci::session& sql, HostId host);

// The answer to one detail query: rows, or why there are none.
struct Detail {
  std::string query;
  std::string rows;   // JSON; the last good answer's
  Timestamp changed;  // 0: there never was a good answer
  Timestamp failed;   // 0: the last answer was good
  std::string error;
};
struct DetailChange {
  HostId host = 0;
  std::string_view query;
  std::string_view rows;   // JSON
  std::string_view error;  // empty: it went well
  Timestamp at;
};
// Writes where it differs from what is there, many with one statement. In their order.
void write_details(soci::session& sql, std::span<const DetailChange> changes);
std::vector<Detail> load_details(soci::session& sql, HostId host);

struct HostTroubles {
  HostId host = 0;
  std::vector<QueryTrouble> troubles;
};
// In the place of those that were there. Each host once.
void write_troubles(soci::session& sql, std::span<const HostTroubles> changes);

// Those of the hosts for which that changed something, ascending. Hosts that are gone are left out.
std::vector<HostId> write_tag(soci::session& sql, Origin origin, TagId tag, bool has, std::span<const HostId> hosts,
                              Timestamp now);
void delete_tag(soci::session& sql, TagId tag, std::optional<Origin> origin);
std::vector<TagReason> load_tag_reasons(soci::session& sql, std::span<const HostId> hosts);

}  // namespace osprey::server::hosts
