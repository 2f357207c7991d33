#include "server/live/live.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "base/text.h"
#include "server/activity/activity.h"
#include "server/api/problem.h"
#include "server/db/group_commit.h"
#include "server/db/listening.h"
#include "server/live/answers.h"
#include "server/live/notices.h"
#include "server/live/pending.h"
#include "server/live/records.h"
#include "server/live/running.h"
#include "server/live/targets.h"
#include "server/live/watches.h"
#include "server/queries/sql_check.h"

namespace osprey::server::live {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kPrefix = "live:";
constexpr auto kTick = 100ms;              // between two looks at streams that wait
constexpr auto kUpkeep = 1s;               // between two looks at what has expired
constexpr auto kSoon = 100ms;              // after an answer: whether that was the last
constexpr std::uint32_t kAccelerate = 60;  // s, for hosts that poll

class Asker final : public Live {
 public:
  explicit Asker(Parts parts)
      : parts_(std::move(parts)),
        pending_(std::chrono::milliseconds(parts_.options.overdue).count()),
        running_(counts_.running),
        watches_(parts_.database, parts_.clock, counts_.streams),
        next_batch_(std::random_device()() * 1'000'000LL + 1),
        answers_({}, [this](std::span<AnswersOfHost> items) { return commit(items); }) {}

  ~Asker() override {
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  Result<void> start() {
    listening_.listen(
        parts_.database, std::string(kChannel), [this](const std::string& message) { told(message); },
        [this] { reload(); });
    TRY(load());
    thread_ = std::thread([this] { run(); });
    return {};
  }

  std::string_view prefix() const override { return kPrefix; }

  bool has(hosts::HostId host) const override { return pending_.has(host, parts_.clock()); }

  void take(hosts::HostId host, std::vector<agents::Ask>& asks, std::uint32_t& accelerate) override {
    const auto taken = pending_.take(host, parts_.clock());
    if (taken.empty()) return;
    for (const auto& query : taken) asks.push_back({.id = fmt::format("{}{}", kPrefix, query->id), .sql = query->sql});
    accelerate = std::max(accelerate, kAccelerate);
    counts_.asked += taken.size();
    const std::scoped_lock lock(mutex_);
    for (const auto& query : taken) asked_.emplace_back(query->id, host);
  }

  void accept(hosts::HostId host, std::vector<agents::Answer> answers,
              std::function<void(const Result<void>&)> done) override {
    AnswersOfHost item;
    for (auto& answer : answers) {
      const auto id = parse<QueryId>(std::string_view(answer.id).substr(std::min(kPrefix.size(), answer.id.size())));
      const auto query = id ? running_.find(*id) : nullptr;
      if (!query) {  // it has ended, or was never asked
        ++counts_.never_asked;
        continue;
      }
      item.answers.push_back(kept_of(*query, host, std::move(answer), parts_.options.answer_bytes));
    }
    if (item.answers.empty()) return done({});
    if (!answers_.add(std::move(item), done))
      done(api::problem(db::kUnavailable, "live answers", "too many are waiting"));
  }

  Result<Query> ask(const Question& question, const identity::Caller& caller, Timestamp now) override {
    if (question.check) TRY(queries::check_sql(question.sql));
    const auto targets = TRY(hosts_for(question.target, parts_.hosts, parts_.tag_by_name));
    const auto made_id = parts_.database.write([&](db::Transaction& transaction) -> Result<QueryId> {
      const auto made = TRY(insert(transaction, question, caller, now, targets));
      activity::record(transaction, caller, now,
                       {.verb = "live.asked",
                        .subject = fmt::format("live query {}", made),
                        .details = {{"sql", question.sql}, {"hosts", targets.size()}}});
      tell_asked(transaction, made);
      return made;
    });
    const auto id = TRY(made_id);
    auto asked = TRY(find(parts_.database, id));
    // At once here; other servers, and this one if that fails, are told by the database.
    static_cast<void>(begin(asked));
    return asked;
  }

  Result<void> remove_host(db::Transaction& transaction, hosts::HostId host) override {
    constexpr std::int64_t kNoBatch = 0;  // watchers have nothing new to see
    tell_answered(transaction, live::remove_host(transaction.sql(), host), kNoBatch);
    return {};
  }

  Result<void> cancel(QueryId query, const identity::Caller& caller, Timestamp now) override {
    TRY(find(parts_.database, query));
    return parts_.database.write([&](db::Transaction& transaction) -> Result<void> {
      const bool first = TRY(end(transaction, query, State::cancelled, HostState::cancelled, now));
      if (!first) return api::problem(api::kConflict, fmt::format("live query {}", query), "has ended already");
      activity::record(transaction, caller, now,
                       {.verb = "live.cancelled", .subject = fmt::format("live query {}", query), .details = {}});
      tell_ended(transaction, query);
      return {};
    });
  }

  Result<std::int64_t> ask_again(QueryId query, const identity::Caller& caller, Timestamp now) override {
    return parts_.database.write([&](db::Transaction& transaction) -> Result<std::int64_t> {
      const auto again = TRY(live::ask_again(transaction, query, now));
      if (again.empty()) return 0;
      activity::record(transaction, caller, now,
                       {.verb = "live.asked_again",
                        .subject = fmt::format("live query {}", query),
                        .details = {{"hosts", again.size()}}});
      tell_again(transaction, query, again);
      return static_cast<std::int64_t>(again.size());
    });
  }

  void watch(QueryId query, http::BodyStream stream) override {
    watches_.add(query, std::move(stream));
    wake();
  }

  const Counts& counts() const override { return counts_; }

 private:
  // Every query that runs, with its hosts as the database has them.
  Result<void> load() {
    const auto queries = TRY(list(parts_.database, {.state = State::running, .limit = 10'000}));
    for (const auto& query : queries) TRY(begin(query, true));
    return {};
  }

  // Makes a query known here, and asks the hosts whose reads wait; of one that is known only where that is to be done
  // `anew`. A host that answers meanwhile may be asked twice; its second answer counts for nothing.
  Result<void> begin(const Query& query, bool anew = false) {
    if (query.state != State::running || (!anew && running_.find(query.id))) return {};
    auto found = std::make_shared<Running>();
    found->id = query.id;
    found->sql = query.sql;
    found->rows_a_host = query.rows_a_host;
    found->expires_at = query.expires_at;
    const auto open = TRY(open_targets(parts_.database, query.id));
    const auto [known, first] = running_.add(std::move(found));
    if (!first && !anew) return {};
    std::vector<hosts::HostId> hosts;
    for (const auto& target : open) {
      pending_.add(target.host, known, target.asked_at);
      hosts.push_back(target.host);
    }
    parts_.wake(hosts);
    return {};
  }

  // On the database's thread: what another server, or this one, has committed.
  void told(const std::string& message) {
    const auto notice = read_notice(message);
    if (!notice) return;
    switch (notice->what) {
      case Notice::What::asked: {
        const std::scoped_lock lock(mutex_);
        to_begin_.insert(notice->query);
        break;
      }
      case Notice::What::again:
        told_again(*notice);
        break;
      case Notice::What::answered:
        for (const auto host : notice->hosts) pending_.remove(host, notice->query);
        if (const auto known = running_.find(notice->query)) known->touched = true;
        answered_ = true;
        watches_.answered(notice->query, notice->batch);
        break;
      case Notice::What::ended:
        forget_running(notice->query);
        break;
    }
    wake();
  }

  void told_again(const Notice& notice) {
    const auto known = running_.find(notice.query);
    if (known)
      for (const auto host : notice.hosts) pending_.add(host, known, {});
    const std::scoped_lock lock(mutex_);
    if (known)
      to_wake_.insert(to_wake_.end(), notice.hosts.begin(), notice.hosts.end());
    else
      to_begin_.insert(notice.query);  // it had finished
  }

  // Messages may have been missed.
  void reload() {
    const std::scoped_lock lock(mutex_);
    reload_ = true;
    changed_.notify_all();
  }

  void forget_running(QueryId query) {
    if (running_.end(query)) sweep_ = true;
  }

  void wake() {
    const std::scoped_lock lock(mutex_);
    woken_ = true;
    changed_.notify_all();
  }

  // One transaction for the answers of many hosts.
  Result<void> commit(std::span<AnswersOfHost> items) {
    std::vector<Kept> answers;
    for (auto& item : items) answers.insert(answers.end(), item.answers.begin(), item.answers.end());
    const auto batch = next_batch_++;
    auto written = parts_.database.write([&](db::Transaction& transaction) -> Result<Answered> {
      auto done = TRY(keep(transaction, answers, batch, parts_.clock()));
      tell_answered(transaction, done, batch);
      return done;
    });
    const auto kept = TRY(std::move(written));
    counts_.answered += kept.size();
    for (const auto& answer : answers) {
      counts_.failed += answer.failed ? 1 : 0;
      counts_.rows_dropped += static_cast<std::uint64_t>(answer.rows_dropped);
      pending_.remove(answer.host, answer.query);
    }
    return {};
  }

  // The one thread that reads for the streams and ends what is over.
  void run() {
    auto upkeep_at = std::chrono::steady_clock::now();
    for (;;) {
      const bool watched = watches_.any();
      {
        std::unique_lock lock(mutex_);
        const auto ready = [this] { return stopping_ || woken_ || reload_; };
        if (watched)
          changed_.wait_for(lock, kTick, ready);
        else
          changed_.wait_until(lock, upkeep_at, ready);
        if (stopping_) return;
        woken_ = false;
      }
      begin_new();
      watches_.serve();
      const auto now = std::chrono::steady_clock::now();
      if (now >= upkeep_at) {
        upkeep();
        upkeep_at = now + kUpkeep;
      } else if (answered_.exchange(false)) {
        upkeep_at = std::min(upkeep_at, now + kSoon);
      }
    }
  }

  void begin_new() {
    std::set<QueryId> queries;
    std::vector<hosts::HostId> hosts;
    bool all = false;
    {
      const std::scoped_lock lock(mutex_);
      queries.swap(to_begin_);
      hosts.swap(to_wake_);
      all = std::exchange(reload_, false);
    }
    if (!hosts.empty()) parts_.wake(hosts);
    bool failed = false;
    for (const auto id : queries) {
      const auto query = find(parts_.database, id);
      failed |= query ? !begin(*query) : query.error().code != api::kNotFound;
    }
    if (all) {
      failed |= !load() || !forget_ended();
      watches_.look_again();
    }
    if (!failed) return;
    const std::scoped_lock lock(mutex_);
    reload_ = true;  // the database is away: again in a tick
  }

  // Queries that ended while no message came through.
  Result<void> forget_ended() {
    for (const auto& known : running_.all()) {
      const auto query = find(parts_.database, known->id);
      if (!query && query.error().code != api::kNotFound) return std::unexpected(query.error());
      if (!query || query->state != State::running) forget_running(known->id);
    }
    return {};
  }

  void upkeep() {
    const auto now = parts_.clock();
    save_asked(now);
    for (const auto& query : running_.all()) {
      if (query->expires_at <= now)
        end_query(query, State::expired, HostState::expired, now);
      else if (query->touched.exchange(false) && all_answered(parts_.database, query->id).value_or(false))
        end_query(query, State::finished, HostState::expired, now);
    }
    if (sweep_.exchange(false)) pending_.sweep();
    if (now.ms >= forget_at_) {
      forget_at_ = now.ms + 3'600'000;
      static_cast<void>(forget(parts_.database,
                               {now.ms - std::chrono::milliseconds(parts_.options.keep).count()}));  // again in an hour
    }
  }

  void save_asked(Timestamp now) {
    std::vector<std::pair<QueryId, hosts::HostId>> asked;
    {
      const std::scoped_lock lock(mutex_);
      asked.swap(asked_);
    }
    if (asked.empty()) return;
    // Lost, it only means that a server that takes over asks again.
    static_cast<void>(
        parts_.database.write([&](db::Transaction& transaction) { return note_asked(transaction, asked, now); }));
  }

  void end_query(const RunningPtr& query, State state, HostState rest, Timestamp now) {
    const auto done = parts_.database.write([&](db::Transaction& transaction) -> Result<bool> {
      const auto first = end(transaction, query->id, state, rest, now);
      if (first && *first) tell_ended(transaction, query->id);
      return first;
    });
    if (!done) query->touched = true;  // again in a second
    if (done && !*done) forget_running(query->id);
  }

  const Parts parts_;
  Pending pending_;
  Counts counts_;
  RunningQueries running_;
  Watches watches_;
  std::atomic<std::int64_t> next_batch_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool woken_ = false;
  bool reload_ = false;
  std::set<QueryId> to_begin_;
  std::vector<hosts::HostId> to_wake_;
  std::vector<std::pair<QueryId, hosts::HostId>> asked_;  // not yet in the database

  std::atomic<bool> answered_{false};
  std::atomic<bool> sweep_{false};

  std::int64_t forget_at_ = 0;  // the thread's own

  std::thread thread_;
  db::GroupCommit<AnswersOfHost> answers_;  // its thread uses what stands above
  db::Listening listening_;
};

}  // namespace

Result<std::unique_ptr<Live>> start(Parts parts) {
  auto asker = std::make_unique<Asker>(std::move(parts));
  TRY(asker->start());
  return asker;
}

}  // namespace osprey::server::live
