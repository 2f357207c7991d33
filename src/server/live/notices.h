// Notices: what servers on one database tell each other of live queries, with the transaction that makes it so.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "server/live/records.h"

namespace osprey::server::live {

inline constexpr std::string_view kChannel = "live";

void tell_asked(db::Transaction& transaction, QueryId query);
// These hosts are to be asked once more.
void tell_again(db::Transaction& transaction, QueryId query, std::span<const hosts::HostId> hosts);
// These hosts need not be asked any more. `batch`: of what has been kept, 0 where nothing is new to see.
void tell_answered(db::Transaction& transaction, const Answered& done, std::int64_t batch);
void tell_ended(db::Transaction& transaction, QueryId query);

struct Notice {
  enum class What : std::uint8_t { asked, again, answered, ended };
  What what = What::asked;
  QueryId query = 0;
  std::int64_t batch = 0;
  std::vector<hosts::HostId> hosts;  // one that is long comes in several notices
};
// Nothing: another version of the server may tell more.
std::optional<Notice> read_notice(std::string_view message);

}  // namespace osprey::server::live
