// What the database knows of live queries.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "server/db/database.h"
#include "server/live/live.h"

namespace osprey::server::live {

// An answer as it is kept.
struct Kept {
  QueryId query = 0;
  hosts::HostId host = 0;
  bool failed = false;
  std::string message;
  std::string rows;  // JSON array
  std::int64_t row_count = 0;
  std::int64_t rows_dropped = 0;
  std::string stats;  // JSON object
};

Result<QueryId> insert(db::Transaction& transaction, const Question& question, const identity::Caller& caller,
                       Timestamp now, std::span<const hosts::HostPtr> targets);

Result<Query> find(db::Database& database, QueryId query);
struct QueriesWanted {
  std::optional<State> state;         // only those that stand so
  std::optional<hosts::HostId> host;  // only those that are for this host
  QueryId before = INT64_MAX;
  std::int64_t limit = 50;
};
// Newest first.
Result<std::vector<Query>> list(db::Database& database, const QueriesWanted& wanted);
Result<Progress> progress(db::Database& database, QueryId query);

// Hosts of the query in the order of their numbers, after `after`.
struct HostsWanted {
  std::vector<HostState> states;  // only hosts that stand so; none: all
  hosts::HostId after = 0;
  std::int64_t limit = 32;
  bool with_rows = true;
  std::size_t rows_bytes = SIZE_MAX;  // fewer hosts than `limit` where rows take as much; one at least
  std::optional<std::int64_t> batch;  // what one commit has brought
};
Result<std::vector<HostAnswer>> hosts_of(db::Database& database, QueryId query, const HostsWanted& wanted);

// Those that have not answered, with when they were asked last (0: never).
struct Open {
  hosts::HostId host = 0;
  Timestamp asked_at;
};
Result<std::vector<Open>> open_targets(db::Database& database, QueryId query);

using Answered = std::vector<std::pair<QueryId, hosts::HostId>>;
// Keeps those answers that are still wanted and returns which: the first of a host counts, one never asked for does
// not.
Result<Answered> keep(db::Transaction& transaction, std::span<const Kept> answers, std::int64_t batch, Timestamp now);
Result<void> note_asked(db::Transaction& transaction, std::span<const std::pair<QueryId, hosts::HostId>> asked,
                        Timestamp now);

// Removes what is kept of the host, and returns the queries that it had yet to answer.
Answered remove_host(soci::session& sql, hosts::HostId host);

// Has hosts wait to be asked that failed, or were asked and have not answered; which these are. A query that has
// finished runs again if there are any. An error where the query is over and cannot.
Result<std::vector<hosts::HostId>> ask_again(db::Transaction& transaction, QueryId query, Timestamp now);

// Ends the query if it is still running; hosts that have not answered become `rest`. False: another was first. An error
// where it is to be finished and some host has yet to answer.
Result<bool> end(db::Transaction& transaction, QueryId query, State state, HostState rest, Timestamp now);
Result<bool> all_answered(db::Database& database, QueryId query);
// Removes what ended before `before`, a few queries at a time.
Result<void> forget(db::Database& database, Timestamp before);

}  // namespace osprey::server::live
