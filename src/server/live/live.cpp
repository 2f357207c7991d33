#include "server/live/live.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <condition_variable>
#include <list>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "base/text.h"
#include "server/activity/activity.h"
#include "server/api/json.h"
#include "server/db/group_commit.h"
#include "server/db/listening.h"
#include "server/live/pending.h"
#include "server/live/records.h"
#include "server/queries/sql_check.h"

namespace osprey::server::live {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kChannel = "live";
constexpr std::string_view kPrefix = "live:";
constexpr auto kTick = 100ms;                    // between two looks at streams that wait
constexpr auto kUpkeep = 1s;                     // between two looks at what has expired
constexpr auto kSoon = 100ms;                    // after an answer: whether that was the last
constexpr std::int64_t kProgressEvery = 500;     // ms
constexpr std::int64_t kKeepAliveEvery = 15000;  // ms; balancers end what is silent
constexpr std::size_t kUnsent = 1 << 20;         // bytes of a stream, then it waits for its reader
constexpr std::size_t kHostsAMessage = 150;      // a notification has room for so many numbers
constexpr std::uint32_t kAccelerate = 60;        // s, for hosts that poll

std::string event(std::string_view name, const boost::json::value& data) {
  return fmt::format("event: {}\ndata: {}\n\n", name, boost::json::serialize(data));
}

// The rows that are kept of an answer: as many as are wanted, and fit.
void cut_rows(Kept& kept, const std::string& rows, std::int64_t most, std::size_t bytes) {
  boost::system::error_code failed;
  const auto parsed = boost::json::parse(rows, failed);
  if (failed || !parsed.is_array()) {
    kept.failed = true;
    kept.message = "the host's answer is no list of rows";
    kept.rows = "[]";
    return;
  }
  kept.rows = "[";
  for (const auto& row : parsed.get_array()) {
    const auto text = boost::json::serialize(row);
    if (kept.row_count >= most || kept.rows.size() + text.size() + 2 > bytes) {
      ++kept.rows_dropped;
      continue;
    }
    if (kept.row_count++ > 0) kept.rows += ',';
    kept.rows += text;
  }
  kept.rows += ']';
}

std::string without_nul(std::string text) {
  std::erase(text, '\0');
  return text;
}

// Somebody looks at a query.
struct Watch {
  QueryId query = 0;
  http::BodyStream stream;
  std::unordered_map<hosts::HostId, std::int64_t> sent;  // the batch of the answer that was
  std::set<std::int64_t> batches;                        // to be read
  bool all = true;                                       // everything is to be read
  bool begun = false;
  bool last_look = false;  // the query has ended; what it left is being read once more
  Progress told;
  std::int64_t progress_at = 0;
  std::int64_t spoke_at = 0;
};

struct Item {
  std::vector<Kept> answers;
  std::size_t bytes() const noexcept {
    std::size_t sum = sizeof(Item);
    for (const auto& answer : answers)
      sum += sizeof answer + answer.rows.size() + answer.message.size() + answer.stats.size();
    return sum;
  }
};

class Asker final : public Live {
 public:
  explicit Asker(Parts parts)
      : parts_(std::move(parts)),
        pending_(std::chrono::milliseconds(parts_.options.overdue).count()),
        next_batch_(std::random_device()() * 1'000'000LL + 1),
        answers_({}, [this](std::span<Item> items) { return commit(items); }) {}

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
    Item item;
    for (auto& answer : answers) {
      const auto id = parse<QueryId>(std::string_view(answer.id).substr(std::min(kPrefix.size(), answer.id.size())));
      const auto query = id ? running(*id) : nullptr;
      if (!query) {  // it has ended, or was never asked
        ++counts_.never_asked;
        continue;
      }
      Kept kept{.query = *id, .host = host, .failed = answer.failed, .message = without_nul(std::move(answer.message))};
      cut_rows(kept, answer.rows, query->rows_a_host, parts_.options.answer_bytes);
      kept.stats = answer.stats;
      item.answers.push_back(std::move(kept));
    }
    if (item.answers.empty()) return done({});
    if (!answers_.add(std::move(item), done))
      done(api::problem(db::kUnavailable, "live answers", "too many are waiting"));
  }

  Result<Query> ask(const Question& question, const identity::Caller& caller, Timestamp now) override {
    if (question.check) TRY(queries::check_sql(question.sql));
    const auto targets = TRY(hosts_for(question.target));
    if (targets.empty()) return api::problem(api::kInvalid, "target", why_nobody(question.target));
    const auto made_id = parts_.database.write([&](db::Transaction& transaction) -> Result<QueryId> {
      const auto made = TRY(insert(transaction, question, caller, now, targets));
      activity::record(transaction, caller, now,
                       {.verb = "live.asked",
                        .subject = fmt::format("live query {}", made),
                        .details = {{"sql", question.sql}, {"hosts", targets.size()}}});
      transaction.notify(std::string(kChannel), fmt::format("asked {}", made));
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
    tell(transaction, live::remove_host(transaction.sql(), host), kNoBatch);
    return {};
  }

  Result<void> cancel(QueryId query, const identity::Caller& caller, Timestamp now) override {
    TRY(find(parts_.database, query));
    return parts_.database.write([&](db::Transaction& transaction) -> Result<void> {
      const bool first = TRY(end(transaction, query, State::cancelled, HostState::cancelled, now));
      if (!first) return api::problem(api::kConflict, fmt::format("live query {}", query), "has ended already");
      activity::record(transaction, caller, now,
                       {.verb = "live.cancelled", .subject = fmt::format("live query {}", query), .details = {}});
      transaction.notify(std::string(kChannel), fmt::format("ended {}", query));
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
      tell(transaction, fmt::format("again {}", query), again);
      return static_cast<std::int64_t>(again.size());
    });
  }

  void watch(QueryId query, http::BodyStream stream) override {
    {
      const std::scoped_lock lock(mutex_);
      new_watches_.push_back(Watch{.query = query, .stream = std::move(stream)});
    }
    ++counts_.streams;
    wake();
  }

  const Counts& counts() const override { return counts_; }

 private:
  RunningPtr running(QueryId query) const {
    const std::scoped_lock lock(mutex_);
    const auto found = running_.find(query);
    return found == running_.end() ? nullptr : found->second;
  }

  Result<std::vector<hosts::HostPtr>> hosts_for(const Target& target) const {
    std::vector<hosts::HostPtr> wanted;
    std::vector<hosts::TagId> tags;
    for (const auto& name : target.tags) tags.push_back(TRY(parts_.tag_by_name(name)));
    for (const auto id : target.hosts)
      if (!TRY(parts_.hosts.look_up(id)))
        return api::problem(api::kInvalid, fmt::format("host {}", id), "there is none");
    const std::unordered_set<hosts::HostId> named(target.hosts.begin(), target.hosts.end());
    for (auto& host : parts_.hosts.all()) {
      const bool tagged =
          std::ranges::any_of(tags, [&](auto tag) { return std::ranges::binary_search(host->tags, tag); });
      const bool on_platform = std::ranges::find(target.platforms, host->platform) != target.platforms.end();
      if (target.all || tagged || on_platform || named.contains(host->id)) wanted.push_back(std::move(host));
    }
    return wanted;
  }

  // For a target that means no host.
  std::string why_nobody(const Target& target) const {
    std::set<std::string> platforms;
    for (const auto& host : parts_.hosts.all()) platforms.insert(host->platform);
    if (platforms.empty()) return "no host has enrolled yet; what enrols one: ospreyctl secrets line";
    if (target.tags.empty() && target.platforms.empty()) return "says nobody: hosts, tags, platforms or all are wanted";
    std::vector<std::string> why;
    if (!target.tags.empty()) why.push_back(fmt::format("no host has the tag {}", fmt::join(target.tags, ", ")));
    if (!target.platforms.empty())
      why.push_back(fmt::format("no host is of the platform {}, but of {}", fmt::join(target.platforms, ", "),
                                fmt::join(platforms, ", ")));
    return fmt::format("{}", fmt::join(why, "; "));
  }

  // Every query that runs, with its hosts as the database has them.
  Result<void> load() {
    const auto queries = TRY(list(parts_.database, {.state = State::running, .limit = 10'000}));
    for (const auto& query : queries) TRY(begin(query, true));
    return {};
  }

  // Makes a query known here, and asks the hosts whose reads wait; of one that is known only where that is to be done
  // `anew`. A host that answers meanwhile may be asked twice; its second answer counts for nothing.
  Result<void> begin(const Query& query, bool anew = false) {
    if (query.state != State::running || (!anew && running(query.id))) return {};
    auto known = std::make_shared<Running>();
    known->id = query.id;
    known->sql = query.sql;
    known->rows_a_host = query.rows_a_host;
    known->expires_at = query.expires_at;
    const auto open = TRY(open_targets(parts_.database, query.id));
    {
      const std::scoped_lock lock(mutex_);
      const auto [at, first] = running_.emplace(query.id, known);
      if (first) ++counts_.running;
      if (!first && !anew) return {};
      known = at->second;
    }
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
    const auto words = fields(message);
    const auto query = words.size() > 1 ? parse<QueryId>(words[1]) : std::nullopt;
    if (!query) return;
    if (words[0] == "asked") {
      const std::scoped_lock lock(mutex_);
      to_begin_.insert(*query);
    } else if (words[0] == "again") {
      told_again(*query, std::span(words).subspan(2));
    } else if (words[0] == "ended") {
      forget_running(*query);
    } else if (words[0] == "answered" && words.size() > 2) {
      const auto batch = parse<std::int64_t>(words[2]).value_or(0);
      for (const auto word : std::span(words).subspan(3))
        if (const auto host = parse<hosts::HostId>(word)) pending_.remove(*host, *query);
      const std::scoped_lock lock(mutex_);
      if (const auto found = running_.find(*query); found != running_.end()) found->second->touched = true;
      answered_ = true;
      new_batches_.emplace_back(*query, batch);
    }
    wake();
  }

  void told_again(QueryId query, std::span<const std::string_view> hosts) {
    const auto known = running(query);
    std::vector<hosts::HostId> again;
    if (known)
      for (const auto word : hosts)
        if (const auto host = parse<hosts::HostId>(word)) again.push_back(*host);
    for (const auto host : again) pending_.add(host, known, {});
    const std::scoped_lock lock(mutex_);
    if (!known) to_begin_.insert(query);  // it had finished
    to_wake_.insert(to_wake_.end(), again.begin(), again.end());
  }

  // Messages may have been missed.
  void reload() {
    const std::scoped_lock lock(mutex_);
    reload_ = true;
    changed_.notify_all();
  }

  void forget_running(QueryId query) {
    const std::scoped_lock lock(mutex_);
    if (const auto found = running_.find(query); found != running_.end()) {
      found->second->ended = true;
      running_.erase(found);
      --counts_.running;
      sweep_ = true;
    }
  }

  void wake() {
    const std::scoped_lock lock(mutex_);
    woken_ = true;
    changed_.notify_all();
  }

  // Every server, this one too, learns which hosts need not be asked any more.
  static void tell(db::Transaction& transaction, const Answered& done, std::int64_t batch) {
    std::map<QueryId, std::vector<hosts::HostId>> hosts;
    for (const auto& [query, host] : done) hosts[query].push_back(host);
    for (const auto& [query, answered] : hosts)
      tell(transaction, fmt::format("answered {} {}", query, batch), answered);
  }

  static void tell(db::Transaction& transaction, const std::string& what, std::span<const hosts::HostId> hosts) {
    while (!hosts.empty()) {
      const auto some = hosts.first(std::min(kHostsAMessage, hosts.size()));
      hosts = hosts.subspan(some.size());
      transaction.notify(std::string(kChannel), fmt::format("{} {}", what, fmt::join(some, " ")));
    }
  }

  // One transaction for the answers of many hosts.
  Result<void> commit(std::span<Item> items) {
    std::vector<Kept> answers;
    for (auto& item : items) answers.insert(answers.end(), item.answers.begin(), item.answers.end());
    const auto batch = next_batch_++;
    auto written = parts_.database.write([&](db::Transaction& transaction) -> Result<Answered> {
      auto done = TRY(keep(transaction, answers, batch, parts_.clock()));
      tell(transaction, done, batch);
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
      {
        std::unique_lock lock(mutex_);
        const auto ready = [this] { return stopping_ || woken_ || reload_; };
        if (watches_.empty() && new_watches_.empty())
          changed_.wait_until(lock, upkeep_at, ready);
        else
          changed_.wait_for(lock, kTick, ready);
        if (stopping_) return;
        woken_ = false;
      }
      begin_new();
      take_news();
      for (auto watch = watches_.begin(); watch != watches_.end();) {
        if (serve(*watch)) {
          ++watch;
        } else {
          watch = watches_.erase(watch);
          --counts_.streams;
        }
      }
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
      for (auto& watch : watches_) watch.all = true;
    }
    if (!failed) return;
    const std::scoped_lock lock(mutex_);
    reload_ = true;  // the database is away: again in a tick
  }

  // Queries that ended while no message came through.
  Result<void> forget_ended() {
    std::vector<QueryId> known;
    {
      const std::scoped_lock lock(mutex_);
      for (const auto& [id, query] : running_) known.push_back(id);
    }
    for (const auto id : known) {
      const auto query = find(parts_.database, id);
      if (!query && query.error().code != api::kNotFound) return std::unexpected(query.error());
      if (!query || query->state != State::running) forget_running(id);
    }
    return {};
  }

  void take_news() {
    std::vector<std::pair<QueryId, std::int64_t>> batches;
    {
      const std::scoped_lock lock(mutex_);
      watches_.splice(watches_.end(), new_watches_);
      batches.swap(new_batches_);
    }
    for (auto& watch : watches_)
      for (const auto& [query, batch] : batches)
        if (watch.query == query) watch.batches.insert(batch);
  }

  // False: the watch is over.
  bool serve(Watch& watch) {
    if (watch.stream.unsent() > kUnsent) return true;
    const auto now = parts_.clock().ms;
    const auto query = find(parts_.database, watch.query);
    if (!query) return query.error().code != api::kNotFound;
    if (!std::exchange(watch.begun, true) && !watch.stream.write(event("query", api::to_json(*query)))) return false;
    const bool ended = query->state != State::running;
    if (ended && !watch.last_look) watch.all = true;
    watch.last_look = ended;
    const auto sent = send_answers(watch);
    if (sent != Sent::everything) return sent == Sent::part;
    if ((ended || now - watch.progress_at >= kProgressEvery) && !send_progress(watch, now)) return false;
    if (ended) {
      watch.stream.write(event("done", api::to_json(*query)));
      watch.stream.finish();
      return false;
    }
    if (now - watch.spoke_at < kKeepAliveEvery) return true;
    watch.spoke_at = now;
    return watch.stream.write(": still here\n\n");
  }

  bool send_progress(Watch& watch, std::int64_t now) {
    watch.progress_at = now;
    const auto stands = progress(parts_.database, watch.query);
    if (!stands || *stands == watch.told) return true;
    watch.told = *stands;
    watch.spoke_at = now;
    return watch.stream.write(event("progress", api::to_json(*stands)));
  }

  enum class Sent : std::uint8_t { gone, part, everything };

  // As much as the reader takes and the database gives.
  Sent send_answers(Watch& watch) {
    if (watch.all) {
      if (const auto sent = send_answers(watch, std::nullopt); sent != Sent::everything) return sent;
      watch.all = false;
      watch.batches.clear();
    }
    while (!watch.batches.empty()) {
      if (const auto sent = send_answers(watch, *watch.batches.begin()); sent != Sent::everything) return sent;
      watch.batches.erase(watch.batches.begin());
    }
    return Sent::everything;
  }

  Sent send_answers(Watch& watch, std::optional<std::int64_t> batch) {
    HostsWanted wanted{.states = {HostState::answered, HostState::failed}, .batch = batch};
    for (;;) {
      if (watch.stream.unsent() > kUnsent) return Sent::part;
      const auto page = hosts_of(parts_.database, watch.query, wanted);
      if (!page) return Sent::part;
      for (const auto& answer : *page) {
        wanted.after = answer.host;
        if (std::exchange(watch.sent[answer.host], answer.batch) == answer.batch) continue;
        if (!watch.stream.write(event("answer", api::to_json(answer)))) return Sent::gone;
        watch.spoke_at = parts_.clock().ms;
      }
      if (static_cast<std::int64_t>(page->size()) < wanted.limit) return Sent::everything;
    }
  }

  void upkeep() {
    const auto now = parts_.clock();
    save_asked(now);
    for (const auto& query : running_now()) {
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

  std::vector<RunningPtr> running_now() const {
    std::vector<RunningPtr> queries;
    const std::scoped_lock lock(mutex_);
    for (const auto& [id, query] : running_) queries.push_back(query);
    return queries;
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
      if (first && *first) transaction.notify(std::string(kChannel), fmt::format("ended {}", query->id));
      return first;
    });
    if (!done) query->touched = true;  // again in a second
    if (done && !*done) forget_running(query->id);
  }

  const Parts parts_;
  Pending pending_;
  Counts counts_;
  std::atomic<std::int64_t> next_batch_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool woken_ = false;
  bool reload_ = false;
  std::map<QueryId, RunningPtr> running_;
  std::set<QueryId> to_begin_;
  std::vector<hosts::HostId> to_wake_;
  std::vector<std::pair<QueryId, std::int64_t>> new_batches_;
  std::vector<std::pair<QueryId, hosts::HostId>> asked_;  // not yet in the database
  std::list<Watch> new_watches_;

  std::atomic<bool> answered_{false};
  std::atomic<bool> sweep_{false};

  // The thread's own.
  std::list<Watch> watches_;
  std::int64_t forget_at_ = 0;

  std::thread thread_;
  db::GroupCommit<Item> answers_;  // its thread uses what stands above
  db::Listening listening_;
};

}  // namespace

Result<std::unique_ptr<Live>> start(Parts parts) {
  auto asker = std::make_unique<Asker>(std::move(parts));
  TRY(asker->start());
  return asker;
}

}  // namespace osprey::server::live
