// Live: questions to hosts now. What is asked, of whom, and what each has answered is in the database; memory only
// knows which hosts still have to be asked, and who is looking. A stream is a view: it may end and begin again.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/agents/query_source.h"
#include "server/api/fields.h"
#include "server/db/database.h"
#include "server/hosts/hosts.h"
#include "server/http/responder.h"
#include "server/identity/caller.h"
#include "server/time.h"

namespace osprey::server::live {

using QueryId = std::int64_t;

// A request about one live query.
struct OneQuery {
  QueryId query = 0;
  static constexpr auto fields() {
    return std::tuple(api::field("query", &OneQuery::query, "Number of the live query."));
  }
};

enum class State : std::uint8_t { running, finished, expired, cancelled };
enum class HostState : std::uint8_t { waiting, asked, answered, failed, expired, cancelled };

// Who is asked: every host that any of these names.
struct Target {
  std::vector<hosts::HostId> hosts;
  std::vector<std::string> tags;
  std::vector<std::string> platforms;
  bool all = false;
  static constexpr auto fields() {
    return std::tuple(
        api::field("hosts", &Target::hosts, "Numbers of hosts.", {.most = 100'000, .has_default = true}),
        api::field("tags", &Target::tags, "Names of tags: every host that has one.", {.has_default = true}),
        api::field("platforms", &Target::platforms, "As os_version has it: debian, ubuntu…", {.has_default = true}),
        api::field("all", &Target::all, "Every host there is.", {.has_default = true}));
  }
};

struct Question {
  std::string sql;
  std::string name;
  Target target;
  std::int64_t expires_in_s = 600;  // hosts that are away may join until then
  std::int64_t rows_a_host = 1000;  // further rows of a host are dropped and counted
  bool check = true;                // against the schema of our agents; others may have tables that these lack
  static constexpr auto fields() {
    return std::tuple(
        api::field("sql", &Question::sql, "What is asked: one SELECT.", {.least = 1, .most = 100'000}),
        api::field("name", &Question::name, "What people call it.", {.most = 200, .has_default = true}),
        api::field("target", &Question::target, "Who is asked."),
        api::field("expires_in_s", &Question::expires_in_s,
                   "Seconds within which hosts may answer, those away included.",
                   {.least = 1, .most = 30 * 86400, .has_default = true}),
        api::field("rows_a_host", &Question::rows_a_host, "Rows kept of each host; further ones are counted.",
                   {.least = 1, .most = 1'000'000, .has_default = true}),
        api::field("check", &Question::check, "Hold the query against the agents' schema first.",
                   {.has_default = true}));
  }
};

struct Progress {
  std::int64_t targeted = 0, waiting = 0, asked = 0, answered = 0, failed = 0, expired = 0, cancelled = 0, rows = 0;
  bool operator==(const Progress&) const = default;
  static constexpr std::string_view kTypeName = "LiveProgress";
  static constexpr auto fields() {
    return std::tuple(api::field("targeted", &Progress::targeted, "Hosts that the query is for."),
                      api::field("waiting", &Progress::waiting, "Not asked yet: away, or about to be."),
                      api::field("asked", &Progress::asked, "Asked, no answer yet."),
                      api::field("answered", &Progress::answered, "Answered."),
                      api::field("failed", &Progress::failed, "Answered that they could not."),
                      api::field("expired", &Progress::expired, "Had not answered when the query expired."),
                      api::field("cancelled", &Progress::cancelled, "Had not answered when it was cancelled."),
                      api::field("rows", &Progress::rows, "Rows of all answers."));
  }
};

struct Query {
  QueryId id = 0;
  std::string name;
  std::string sql;
  State state = State::running;
  Timestamp created_at;
  std::string created_by;
  Timestamp expires_at;
  std::optional<Timestamp> ended_at;
  std::int64_t rows_a_host = 0;
  static constexpr std::string_view kTypeName = "LiveQuery";
  static constexpr auto fields() {
    return std::tuple(
        api::field("id", &Query::id, "Its number."), api::field("name", &Query::name, "What people call it."),
        api::field("sql", &Query::sql, "What is asked."), api::field("state", &Query::state, "How it stands."),
        api::field("created_at", &Query::created_at, "When it was asked."),
        api::field("created_by", &Query::created_by, "By whom."),
        api::field("expires_at", &Query::expires_at, "When hosts can join no longer."),
        api::field("ended_at", &Query::ended_at, "When all had answered, it expired or was cancelled."),
        api::field("rows_a_host", &Query::rows_a_host, "Rows kept of each host."));
  }
};

// How one host stands to a query.
struct HostAnswer {
  hosts::HostId host = 0;
  std::string host_name;
  HostState state = HostState::waiting;
  std::optional<Timestamp> asked_at;
  std::optional<Timestamp> answered_at;
  std::string message;         // why it failed, or a warning beside its rows
  std::int64_t row_count = 0;  // kept
  std::int64_t rows_dropped = 0;
  boost::json::value rows;   // null where they were not asked for
  boost::json::value stats;  // wall_time_ms, user_time, system_time, memory, as the agent measured them
  std::int64_t batch = 0;    // another for each answer that a host gives; the API does not show it
  static constexpr std::string_view kTypeName = "LiveAnswer";
  static constexpr auto fields() {
    return std::tuple(api::field("host", &HostAnswer::host, "The host's number."),
                      api::field("host_name", &HostAnswer::host_name, "The host's name."),
                      api::field("state", &HostAnswer::state, "How it stands."),
                      api::field("asked_at", &HostAnswer::asked_at, "When it was asked last."),
                      api::field("answered_at", &HostAnswer::answered_at, "When it answered."),
                      api::field("message", &HostAnswer::message, "Why it failed, or a warning beside the rows."),
                      api::field("row_count", &HostAnswer::row_count, "Rows kept."),
                      api::field("rows_dropped", &HostAnswer::rows_dropped, "Rows beyond what is kept of a host."),
                      api::field("rows", &HostAnswer::rows, "Its rows, columns in the query's order."),
                      api::field("stats", &HostAnswer::stats, "What the query cost the host."));
  }
};

struct Options {
  std::chrono::seconds overdue{300};   // an answer, after which a host is asked again
  std::size_t answer_bytes = 1 << 20;  // of rows kept of a host
  std::chrono::hours keep{24 * 30};    // what has ended
};

struct Counts {
  std::atomic<std::uint64_t> asked{0}, answered{0}, failed{0}, never_asked{0}, rows_dropped{0};
  std::atomic<std::int64_t> running{0}, streams{0};
};

// Thread-safe. Several servers on one database each have one.
class Live : public agents::QuerySource {
 public:
  // Asks. An error tells what is wrong with the query or that it is for nobody.
  virtual Result<Query> ask(const Question& question, const identity::Caller& caller, Timestamp now) = 0;
  virtual Result<void> cancel(QueryId query, const identity::Caller& caller, Timestamp now) = 0;
  // Asks hosts once more that failed, or were asked and have not answered: what they failed with is forgotten, and they
  // count as waiting. Those that wait to be asked go on doing so. How many were asked again; if any, a query that had
  // finished runs once more. An error (kConflict) where it was cancelled or its time is over.
  virtual Result<std::int64_t> ask_again(QueryId query, const identity::Caller& caller, Timestamp now) = 0;
  // Sends server-sent events (WHATWG HTML, "server-sent events") from the beginning: `query`, one `answer` a host that
  // has answered (another if it is asked again), `progress` while it changes, `done`. Ends after that.
  virtual void watch(QueryId query, http::BodyStream stream) = 0;
  // What the host has answered goes, and no query waits for it any more.
  virtual Result<void> remove_host(db::Transaction& transaction, hosts::HostId host) = 0;
  virtual const Counts& counts() const = 0;
};

// Begins where the database says that queries are running. What it is given outlives it.
struct Parts {
  db::Database& database;
  hosts::Hosts& hosts;
  Clock clock;
  std::function<Result<hosts::TagId>(std::string_view)> tag_by_name;
  // Held reads of these hosts are to be answered.
  std::function<void(std::span<const hosts::HostId>)> wake;
  Options options = {};
};
Result<std::unique_ptr<Live>> start(Parts parts);

db::Schema schema();

}  // namespace osprey::server::live

namespace osprey::server::api {

template <>
struct EnumNames<live::State> {
  static constexpr std::array kNames{std::pair{live::State::running, std::string_view("running")},
                                     std::pair{live::State::finished, std::string_view("finished")},
                                     std::pair{live::State::expired, std::string_view("expired")},
                                     std::pair{live::State::cancelled, std::string_view("cancelled")}};
};

template <>
struct EnumNames<live::HostState> {
  static constexpr std::array kNames{std::pair{live::HostState::waiting, std::string_view("waiting")},
                                     std::pair{live::HostState::asked, std::string_view("asked")},
                                     std::pair{live::HostState::answered, std::string_view("answered")},
                                     std::pair{live::HostState::failed, std::string_view("failed")},
                                     std::pair{live::HostState::expired, std::string_view("expired")},
                                     std::pair{live::HostState::cancelled, std::string_view("cancelled")}};
};

}  // namespace osprey::server::api
