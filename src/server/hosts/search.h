// Searching the hosts in memory: filters, order, pages, counts.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "server/api/fields.h"
#include "server/hosts/roster.h"
#include "server/hosts/status.h"

namespace osprey::server::hosts {

// Hosts that all of it holds for.
struct Filter {
  std::string text;         // within name, identifier, uuid, address, platform or serial; case of ASCII ignored
  std::vector<TagId> tags;  // every one of them
  std::optional<Status> status;
  std::optional<std::string> platform;
  std::optional<std::string> version;  // the agent's
};

enum class Sort : unsigned char { name, last_seen, enrolled, platform, version };

struct Found {
  HostPtr host;
  Timestamp last_seen;
};

struct Wanted {
  Filter filter;
  Sort sort = Sort::name;
  bool descending = false;
  std::size_t limit = 100;
  std::vector<std::string> after;  // the keys of the last host of the page before
};
// Two: the value of the sort key and the host's number.
inline constexpr std::size_t kCursorKeys = 2;
std::vector<std::string> keys_of(const Found& found, Sort sort);

struct FoundPage {
  std::vector<Found> hosts;
  bool more = false;
};
FoundPage search(const Roster& roster, const Wanted& wanted, const StatusRule& rule, Timestamp now);

struct HostCounts {
  std::int64_t total = 0;
  std::map<std::string, std::int64_t> status, platform, version;
};
HostCounts count(const Roster& roster, const Filter& filter, const StatusRule& rule, Timestamp now);

}  // namespace osprey::server::hosts

template <>
struct osprey::server::api::EnumNames<osprey::server::hosts::Sort> {
  using Sort = osprey::server::hosts::Sort;
  static constexpr std::array kNames{
      std::pair{Sort::name, std::string_view("name")}, std::pair{Sort::last_seen, std::string_view("last_seen")},
      std::pair{Sort::enrolled, std::string_view("enrolled")}, std::pair{Sort::platform, std::string_view("platform")},
      std::pair{Sort::version, std::string_view("version")}};
};
