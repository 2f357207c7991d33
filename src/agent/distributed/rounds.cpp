#include "agent/distributed/rounds.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "agent/remote/server_settings.h"
#include "base/text.h"

namespace osprey::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using store::Family;

constexpr std::string_view kAccelerated = "accelerate";  // until when, Unix seconds, and for how long
constexpr seconds kAcceleratedInterval{5};
constexpr std::int64_t kLongestInterval = 86400;
constexpr std::size_t kMostWarnings = 10;  // that travel with an answer
constexpr unsigned kMostRefusals = 20;
constexpr auto kDenied = "distributed query is denylisted";
constexpr auto kReads = "distributed read";
constexpr auto kWrites = "distributed write";

std::string stats_of(const QueryCost& cost) {
  return fmt::format(R"({{"wall_time_ms":{},"user_time":{},"system_time":{},"memory":{}}})", cost.wall_us / 1000,
                     cost.user_us / 1000, cost.system_us / 1000, cost.memory);
}

unsigned attempts(const Flags& flags) {
  return static_cast<unsigned>(std::clamp<std::int64_t>(flags.number("distributed_tls_max_attempts"), 1, 100));
}

seconds term(const Flags& flags) { return seconds(flags.number("distributed_denylist_duration")); }

}  // namespace

DistributedRounds::DistributedRounds(DistributedParts parts)
    : parts_(std::move(parts)),
      ticks_(parts_.clock),
      desk_(parts_.carver),
      runner_parts_{.program = parts_.program,
                    .registry = parts_.registry,
                    .root = parts_.root,
                    .journal = parts_.journal,
                    .provide =
                        [this](sql::Services& services) {
                          if (parts_.provide) parts_.provide(services);
                          desk_.provide(services);
                        },
                    .fault = {}},
      runner_(runner_parts_),
      work_(parts_.store, parts_.losses),
      marks_(parts_.store, parts_.clock),
      pace_(compatible(), parts_.jitter) {
  parts_.limits.add([limits = limits_] { return limits->list(); });
  if (const auto kept = parts_.store.get(Family::distributed, kAccelerated); kept && *kept) {
    std::string_view rest = **kept;
    accelerated_.until = parse<std::int64_t>(take_field(rest)).value_or(0);
    accelerated_.time = parse<std::int64_t>(trim(rest)).value_or(0);
  }
}

void DistributedRounds::interrupt() {
  stop_.request();
  runner_.interrupt();
}

milliseconds DistributedRounds::round(const ConfigurationPtr& configuration) {
  const auto& flags = configuration->flags;
  work_.serve(server_of(flags));
  runner_.configure(configuration);
  limits_->set(flags);
  work_.set_cap(static_cast<std::uint64_t>(std::max<std::int64_t>(flags.number("distributed_results_mb"), 0)) << 20);

  Pace::Round round;
  const auto read_well = read(flags, round);
  if (!read_well) refusals_ = 0;  // it is away
  run_pending(flags);
  const auto written = write(flags);
  marks_.expire(term(flags));
  round.failed = !read_well || !written;
  return pace_.after(round, interval(flags));
}

seconds DistributedRounds::interval(const Flags& flags) const {
  const auto left = accelerated_.until - parts_.clock.unix_time();
  if (left > 0 && left <= accelerated_.time) return kAcceleratedInterval;
  return seconds(std::clamp<std::int64_t>(flags.number("distributed_interval"), 1, kLongestInterval));
}

void DistributedRounds::accelerate(seconds time) {
  if (time > seconds(0))
    parts_.status.info(fmt::format("Accelerating distributed query checkins for {} seconds", time.count()));
  accelerated_ = {parts_.clock.unix_time() + time.count(), time.count()};
  store::Batch batch;
  batch.put(Family::distributed, kAccelerated, fmt::format("{} {}", accelerated_.until, accelerated_.time));
  static_cast<void>(parts_.store.write(batch));  // else it ends with the process
}

// osquery says nothing of a server that does not answer.
void DistributedRounds::complain(const std::string& subject, const std::string& why) {
  if (stop_.requested()) return;
  const auto text = errors_.add(subject, why, ticks_.now());
  if (!text) return;
  if (compatible())
    parts_.status.debug(fmt::format("{}: {}", subject, *text));
  else
    parts_.status.warning(fmt::format("{}: {}", subject, *text));
}

Result<void> DistributedRounds::read(const Flags& flags, Pace::Round& round) {
  RemoteRequest request;
  request.endpoint = flags.text("distributed_tls_read_endpoint");
  request.hold = round.held = pace_.hold();
  // After a held one that failed the next is not held, and comes with a delay of its own.
  request.attempts = round.held > seconds(0) ? 1 : attempts(flags);
  const auto before = parts_.clock.uptime();
  const auto reply = parts_.remote.send(request, stop_);
  round.took = parts_.clock.uptime() - before;
  if (!reply) {
    complain(kReads, reply.error().text());
    return std::unexpected(reply.error());
  }
  round.offered = reply->offered_hold;
  const auto parsed = parse_read_reply(reply->body);
  round.asked = !parsed.queries.empty();
  if (parsed.fault.empty())
    errors_.clear(kReads);
  else
    complain(kReads, parsed.fault);
  if (parsed.accelerate) accelerate(*parsed.accelerate);
  work_.accept(wanted(parsed, flags));
  return {};
}

DistributedWork::Queries DistributedRounds::wanted(const ReadReply& reply, const Flags& flags) {
  DistributedWork::Queries wanted;
  for (const auto& query : reply.queries) {
    auto fault = query.fault;
    bool of_discovery = query.discovery_fault;
    if (fault.empty() && query.discovery) {
      const auto found = discover(*query.discovery, flags);
      if (stop_.requested()) return {};
      if (found && !*found) continue;
      of_discovery = !found;
      if (!found) fault = fmt::format("its discovery query failed: {}", found.error());
    }
    if (fault.empty()) {
      wanted.insert_or_assign(query.id, query.sql);
      continue;
    }
    if (!compatible()) {
      fail(query.id, fault);
      continue;
    }
    // osquery drops the reply from here on without a word; discovery comes first there.
    parts_.status.debug(fmt::format("distributed query {}: {}", query.id, fault));
    return of_discovery ? DistributedWork::Queries() : wanted;
  }
  return wanted;
}

std::expected<bool, std::string> DistributedRounds::discover(const std::string& sql, const Flags& flags) {
  if (marks_.denies(sql, term(flags))) return std::unexpected(kDenied);
  bool found = false;
  marks_.begin(sql);
  const auto done = ask(sql, flags, [&](const sql::Statement&) -> Result<void> {
    found = true;
    return failure({}, "one row is enough");
  });
  store::Batch mark;
  marks_.end(mark);
  if (!mark.empty()) static_cast<void>(parts_.store.write(mark));
  if (!found && done.failure) return std::unexpected(done.failure->message);
  return found;
}

QueryRun DistributedRounds::ask(const std::string& sql, const Flags& flags, const QueryRunner::Row& row) {
  try {
    return runner_.run(sql, budget_of(flags), row);
  } catch (const std::exception& exception) {
    QueryRun failed;
    failed.failure = {QueryFailure::Kind::statement, exception.what(), {}};
    return failed;
  }
}

void DistributedRounds::fail(const std::string& id, const std::string& why) {
  parts_.status.error(fmt::format("Error executing distributed query: {}: {}", id, why));
  work_.begin();
  work_.finish(id, {1, why});
}

void DistributedRounds::run_pending(const Flags& flags) {
  while (!work_.pending().empty() && !stop_.requested()) {
    const auto [id, sql] = *work_.pending().begin();
    if (marks_.denies(sql, term(flags)))
      fail(id, kDenied);
    else
      run(id, sql, flags);
  }
}

void DistributedRounds::run(const std::string& id, const std::string& sql, const Flags& flags) {
  const auto announcement = fmt::format("Executing distributed query: {}: {}", id, sql);
  if (flags.boolean("distributed_loginfo"))
    parts_.status.info(announcement);
  else
    parts_.status.debug(announcement);
  desk_.set_request(compatible() ? std::string() : id);
  marks_.begin(sql);
  work_.begin();
  std::string row;
  const auto done = ask(sql, flags, [&](const sql::Statement& statement) -> Result<void> {
    row.clear();
    rows_.append(statement, row);
    return work_.add(row);
  });
  desk_.set_request({});
  limits_->count(done, parts_.clock.unix_time());
  store::Batch mark;
  marks_.end(mark);
  if (done.failure && done.failure->kind == QueryFailure::Kind::interrupted) return work_.give_up(mark);
  const auto warned = warnings(id);
  if (!done.failure) return work_.finish(id, {0, warned, stats_of(done.cost)}, mark);
  const auto message = compatible() ? done.failure->message : done.failure->explained();
  parts_.status.error(fmt::format("Error executing distributed query: {}: {}", id, message));
  work_.finish(id, {1, message, stats_of(done.cost)}, mark);
}

// What the tables of the last run could not look at, a line each. osquery's answers have none.
std::string DistributedRounds::warnings(const std::string& id) {
  const auto& warnings = runner_.connection().warnings();
  if (warnings.list().empty()) return {};
  if (!runner_.connection().reads("osprey_scan_errors")) parts_.scan_errors.add(id, warnings);
  std::string text;
  std::size_t told = 0;
  for (const auto& [table, error] : warnings.list()) {
    // osquery's own words belong to no table.
    if (compatible()) {
      if (table.empty()) parts_.status.warning(error.message);
      continue;
    }
    if (told++ == kMostWarnings) break;
    text += fmt::format("{}{}{}{}", text.empty() ? "" : "\n", table, table.empty() ? "" : ": ", error.text());
  }
  if (const auto more = warnings.list().size() + warnings.beyond_cap(); told > kMostWarnings)
    text += fmt::format("\nand {} more", more - kMostWarnings);
  return text;
}

// After some hours of this, or where the server says so, an answer is too much for it and would be in the way of all
// others.
void DistributedRounds::refused(const AnswersBody& body, const Error& error) {
  complain(kWrites, error.text());
  const bool hopeless = error.code == kBodyTooLarge && body.ids.size() == 1;
  if (stop_.requested() || (!hopeless && ++refusals_ < kMostRefusals)) return;
  refusals_ = 0;
  work_.fail_largest(body, fmt::format("the server does not take the results: {}", error.text()));
}

Result<void> DistributedRounds::write(const Flags& flags) {
  while (work_.has_answers()) {
    auto body = work_.next_body();
    if (!body) {
      complain(kWrites, body.error().text());
      return std::unexpected(body.error());
    }
    RemoteRequest request;
    request.endpoint = flags.text("distributed_tls_write_endpoint");
    request.members = std::move(body->members);
    request.attempts = attempts(flags);
    if (const auto sent = parts_.remote.send(request, stop_); !sent) {
      refused(*body, sent.error());
      return std::unexpected(sent.error());
    }
    work_.taken(*body);
    errors_.clear(kWrites);
    refusals_ = 0;
  }
  return {};
}

}  // namespace osprey::agent
