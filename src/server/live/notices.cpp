#include "server/live/notices.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.h"

namespace osprey::server::live {
namespace {

constexpr std::size_t kHostsAMessage = 150;  // a notification has room for so many numbers

void tell(db::Transaction& transaction, const std::string& what, std::span<const hosts::HostId> hosts) {
  while (!hosts.empty()) {
    const auto some = hosts.first(std::min(kHostsAMessage, hosts.size()));
    hosts = hosts.subspan(some.size());
    transaction.notify(std::string(kChannel), fmt::format("{} {}", what, fmt::join(some, " ")));
  }
}

}  // namespace

void tell_asked(db::Transaction& transaction, QueryId query) {
  transaction.notify(std::string(kChannel), fmt::format("asked {}", query));
}

void tell_again(db::Transaction& transaction, QueryId query, std::span<const hosts::HostId> hosts) {
  tell(transaction, fmt::format("again {}", query), hosts);
}

void tell_answered(db::Transaction& transaction, const Answered& done, std::int64_t batch) {
  std::map<QueryId, std::vector<hosts::HostId>> hosts;
  for (const auto& [query, host] : done) hosts[query].push_back(host);
  for (const auto& [query, answered] : hosts) tell(transaction, fmt::format("answered {} {}", query, batch), answered);
}

void tell_ended(db::Transaction& transaction, QueryId query) {
  transaction.notify(std::string(kChannel), fmt::format("ended {}", query));
}

std::optional<Notice> read_notice(std::string_view message) {
  const auto word = take_field(message);
  const auto query = parse<QueryId>(take_field(message));
  if (!query) return std::nullopt;
  Notice notice{.query = *query, .hosts = {}};
  if (word == "asked") {
    notice.what = Notice::What::asked;
  } else if (word == "again") {
    notice.what = Notice::What::again;
  } else if (word == "answered") {
    notice.what = Notice::What::answered;
    notice.batch = parse<std::int64_t>(take_field(message)).value_or(0);
  } else if (word == "ended") {
    notice.what = Notice::What::ended;
  } else {
    return std::nullopt;
  }
  for (const auto field : fields(message))
    if (const auto host = parse<hosts::HostId>(field)) notice.hosts.push_back(*host);
  return notice;
}

}  // namespace osprey::server::live
