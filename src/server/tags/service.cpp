#include "server/tags/service.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <soci/soci.h>

#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <condition_variable>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "base/text.h"
#include "server/activity/activity.h"
#include "server/api/problem.h"
#include "server/db/group_commit.h"
#include "server/db/listening.h"
#include "server/hosts/rounds.h"
#include "server/queries/sql_check.h"
#include "server/secret.h"
#include "server/tags/records.h"

namespace osprey::server::tags {
namespace {

using hosts::HostId;
using hosts::HostPtr;
using hosts::TagChange;

constexpr std::string_view kPrefix = "tag:";
constexpr std::string_view kChannel = "tags";
constexpr std::size_t kMostTags = 1000;
constexpr std::size_t kMostError = 1000;
constexpr std::size_t kHostsAtOnce = 1000;  // in a transaction
constexpr std::size_t kHostsAMessage = 300;
constexpr std::chrono::milliseconds kLinger{50};  // for more hosts to change
constexpr std::chrono::milliseconds kRetry{500};

// The tags at one moment.
struct Rules {
  std::vector<Tag> tags;  // in the order of all()
  std::vector<std::pair<TagId, Condition>> conditions;
  std::int64_t query_revision = 0;  // of the newest query rule; 0: there is none

  const Tag* find(TagId id) const {
    const auto found = std::ranges::find(tags, id, &Tag::id);
    return found == tags.end() ? nullptr : &*found;
  }
};
using RulesPtr = std::shared_ptr<const Rules>;

RulesPtr make_rules(std::vector<Tag> tags) {
  auto rules = std::make_shared<Rules>();
  for (const auto& tag : tags) {
    if (!tag.query.empty()) rules->query_revision = std::max(rules->query_revision, tag.revision);
    if (tag.condition.empty()) continue;
    boost::system::error_code failed;
    // What another version of the server wrote and this one cannot read gives and takes nothing.
    if (auto condition = Condition::parse(boost::json::parse(tag.condition, failed)); !failed && condition)
      rules->conditions.emplace_back(tag.id, std::move(*condition));
  }
  rules->tags = std::move(tags);
  return rules;
}

// What a host answered to the rules.
struct Evaluation {
  struct Verdict {
    TagId tag = 0;
    bool has = false;
    std::string error;  // instead
  };
  Round round;  // revision 0: a rule changed meanwhile, it is to be asked again
  std::vector<Verdict> verdicts;
  std::size_t bytes() const noexcept { return sizeof *this + verdicts.size() * sizeof(Verdict); }
};

Evaluation::Verdict verdict_of(TagId tag, const agents::Answer& answer) {
  if (answer.failed)
    return {tag, false, answer.message.empty() ? "the host says no more" : answer.message.substr(0, kMostError)};
  auto rows = trim(answer.rows);
  if (rows.empty()) return {.tag = tag};
  if (rows.size() < 2 || rows.front() != '[' || rows.back() != ']') return {tag, false, "the rows are not an array"};
  return {.tag = tag, .has = !trim(rows.substr(1, rows.size() - 2)).empty()};
}

std::string subject_of(const Tag& tag) { return activity::subject("tag", tag.id, tag.name); }

class TagService final : public Service {
 public:
  TagService(const Services& services, Options options)
      : services_(services),
        database_(*services.database),
        hosts_(hosts::service(services)),
        rounds_(options.refresh),
        refresh_(options.refresh) {}

  ~TagService() override {
    inbox_.close();
    if (worker_.joinable()) worker_.join();
  }

  Result<void> start() {
    listening_.listen(
        database_, std::string(kChannel), [this](const std::string& payload) { inbox_.message(payload); },
        [this] { inbox_.miss(); });
    hosts_.add_listener(listening_.while_there([this](HostId host) { inbox_.host(host); }));
    hosts_.add_remover([](db::Transaction& transaction, HostId host) -> Result<void> {
      forget_host(transaction.sql(), host);
      return {};
    });
    std::unordered_map<HostId, Round> known;
    for (const auto& round : TRY(database_.read([](soci::session& sql) { return load_rounds(sql); })))
      known.emplace(round.host, round);
    for (const auto& host : hosts_.all()) {
      const auto& round = known[host->id];
      rounds_.start(host->id, round.ended, services_.clock(), round.revision);
    }
    TRY(reload());
    evaluations_ = std::make_unique<db::GroupCommit<Evaluation>>(
        db::GroupCommit<Evaluation>::Options{.most_items = 500, .linger = std::chrono::milliseconds(20)},
        [this](std::span<Evaluation> items) { return keep(items); });
    inbox_.sweep();
    worker_ = std::thread([this] { run(); });
    return {};
  }

  // Tags

  std::vector<Named> all() const override {
    const auto rules = this->rules();
    std::vector<Named> named;
    for (const auto& tag : rules->tags) named.push_back({tag.id, tag.name, tag.rank});
    return named;
  }

  Result<TagId> by_name(std::string_view name) const override {
    const auto rules = this->rules();
    std::vector<std::string_view> names;
    for (const auto& tag : rules->tags) {
      if (tag.name == name) return tag.id;
      names.push_back(tag.name);
    }
    const auto near = nearest(name, names);
    return api::problem(api::kNotFound, fmt::format("tag «{}»", name),
                        near ? fmt::format("is not there; did you mean «{}»?", *near) : "is not there");
  }

  void add_user(Uses uses) override {
    const std::unique_lock lock(listeners_mutex_);
    users_.push_back(std::move(uses));
  }

  void add_listener(std::function<void(TagId)> listener) override {
    const std::unique_lock lock(listeners_mutex_);
    listeners_.push_back(std::move(listener));
  }

  // agents::QuerySource

  std::string_view prefix() const override { return kPrefix; }

  bool has(HostId host) const override { return has_queries_ && rounds_.due(host, services_.clock()); }

  void take(HostId host, std::vector<agents::Ask>& asks, std::uint32_t&) override {
    if (!has_queries_ || !rounds_.ask(host, services_.clock())) return;
    const auto rules = this->rules();
    for (const auto& tag : rules->tags)
      if (!tag.query.empty())
        asks.push_back({.id = fmt::format("{}{}:{}", kPrefix, tag.id, tag.revision), .sql = tag.query});
  }

  void accept(HostId host, std::vector<agents::Answer> answers,
              std::function<void(const Result<void>&)> done) override {
    const auto rules = this->rules();
    std::set<TagId> wanted;
    for (const auto& tag : rules->tags)
      if (!tag.query.empty()) wanted.insert(tag.id);
    Evaluation evaluation{.round = {.host = host, .ended = services_.clock()}, .verdicts = {}};
    for (const auto& answer : answers) {
      // An answer to a rule as it was before is not one to what it says now.
      const auto tag = asked_in(answer.id, *rules);
      if (tag && wanted.erase(*tag) > 0)
        evaluation.verdicts.push_back(verdict_of(*tag, answer));
      else
        ++dropped_answers_;
    }
    if (evaluation.verdicts.empty()) return done({});
    const auto known = hosts_.look_up(host);
    if (!known) return done(std::unexpected(known.error()));
    if (!*known) return done({});
    if (wanted.empty()) evaluation.round.revision = rules->query_revision;
    if (!evaluations_->add(std::move(evaluation), done))
      done(std::unexpected(Error{db::kUnavailable, "tags", "too many answers are waiting to be written"}));
  }

  // Service

  std::vector<Tag> tags() const override { return rules()->tags; }

  Result<Tag> find(TagId id) const override {
    const auto rules = this->rules();
    if (const auto* tag = rules->find(id)) return *tag;
    return api::problem(api::kNotFound, fmt::format("tag {}", id), "is not there");
  }

  Result<Tag> create(const Draft& draft, const identity::Caller& caller, Timestamp now) override {
    Tag tag;
    static_cast<Draft&>(tag) = TRY(checked(draft));
    tag.created = tag.changed = now;
    if (rules()->tags.size() >= kMostTags)
      return api::problem(api::kConflict, "tags", fmt::format("there are {}, which is the most", kMostTags));
    auto written = database_.write([&](db::Transaction& transaction) -> Result<void> {
      tag.revision = next_revision(transaction.sql());
      tag.id = insert_tag(transaction.sql(), tag);
      activity::record(transaction, caller, now, {.verb = "tag.created", .subject = subject_of(tag), .details = {}});
      tell_changed(transaction);
      return {};
    });
    TRY(unique_name(tag.name, std::move(written)));
    changed_here();
    return tag;
  }

  Result<Tag> edit(TagId id, const Draft& draft, const identity::Caller& caller, Timestamp now) override {
    Tag tag = TRY(find(id));
    const Draft after = TRY(checked(draft));
    const bool rule_changes = tag.query != after.query || tag.condition != after.condition;
    static_cast<Draft&>(tag) = after;
    tag.changed = now;
    auto written = database_.write([&](db::Transaction& transaction) -> Result<void> {
      if (rule_changes) tag.revision = next_revision(transaction.sql());
      if (!update_tag(transaction.sql(), tag)) return api::problem(api::kNotFound, subject_of(tag), "is not there");
      // Without a rule nobody has the tag for one; with another rule each host keeps it until that is evaluated there.
      if (rule_changes && tag.query.empty() && tag.condition.empty())
        TRY(hosts_.drop_tag(transaction, id, hosts::Origin::rule));
      activity::record(transaction, caller, now, {.verb = "tag.changed", .subject = subject_of(tag), .details = {}});
      tell_changed(transaction);
      return {};
    });
    TRY(unique_name(tag.name, std::move(written)));
    changed_here();
    hosts_.reload_tag(id);
    return tag;
  }

  Result<void> remove(TagId id, const identity::Caller& caller, Timestamp now) override {
    const Tag tag = TRY(find(id));
    if (const auto uses = TRY(this->uses(id)); !uses.empty())
      return api::problem(api::kConflict, subject_of(tag), fmt::format("is used by {}", fmt::join(uses, ", ")));
    auto written = database_.write([&](db::Transaction& transaction) -> Result<void> {
      if (!delete_tag(transaction.sql(), id)) return api::problem(api::kNotFound, subject_of(tag), "is not there");
      TRY(hosts_.drop_tag(transaction, id));
      activity::record(transaction, caller, now, {.verb = "tag.deleted", .subject = subject_of(tag), .details = {}});
      tell_changed(transaction);
      return {};
    });
    TRY(written);
    changed_here();
    hosts_.reload_tag(id);
    return {};
  }

  Result<std::vector<std::string>> uses(TagId tag) const override {
    std::vector<Uses> users;
    {
      const std::shared_lock lock(listeners_mutex_);
      users = users_;
    }
    std::vector<std::string> uses;
    for (const auto& user : users)
      for (auto& use : TRY(user(tag))) uses.push_back(std::move(use));
    return uses;
  }

  Result<void> give(TagId id, std::span<const HostId> add, std::span<const HostId> remove,
                    const identity::Caller& caller, Timestamp now) override {
    const Tag tag = TRY(find(id));
    std::vector<TagChange> changes;
    std::vector<HostId> changed;
    for (const auto host : add) changes.push_back({host, id, true});
    for (const auto host : remove) changes.push_back({host, id, false});
    for (const auto& change : changes) changed.push_back(change.host);
    auto written = database_.write([&](db::Transaction& transaction) -> Result<void> {
      TRY(hosts_.change_tags(transaction, hosts::Origin::hand, changes, now));
      activity::record(transaction, caller, now,
                       {.verb = "tag.given",
                        .subject = subject_of(tag),
                        .details = {{"added", add.size()}, {"removed", remove.size()}}});
      return {};
    });
    TRY(written);
    hosts_.reload(changed);
    return {};
  }

  Evaluated evaluated(HostId host) const override {
    const auto ended = rounds_.ended(host);
    return {ended.at, ended.revision};
  }

  Counts counts() const override {
    return {.rounds = ended_, .failed_answers = failed_answers_, .dropped_answers = dropped_answers_};
  }

 private:
  // What is to be done, told on any thread, until the worker takes it.
  class Inbox {
   public:
    struct Work {
      std::vector<std::string> messages;
      std::unordered_set<HostId> hosts;
      bool missed = false, sweep = false, closed = false;
    };
    void message(const std::string& payload) {
      change([&](Work& work) {
        work.messages.push_back(payload);
        if (work.messages.size() < kMost) return;
        work.messages.clear();
        work.missed = true;
      });
    }
    void host(HostId host) {
      change([&](Work& work) { work.hosts.insert(host); });
    }
    void miss() {
      change([](Work& work) { work.missed = true; });
    }
    void sweep() {
      change([](Work& work) { work.sweep = true; });
    }
    void close() {
      change([](Work& work) { work.closed = true; });
    }
    // Waits at most until then, and a moment longer for more of what there is.
    Work take(std::chrono::steady_clock::time_point until) {
      std::unique_lock lock(mutex_);
      const auto any = [&] {
        return work_.closed || work_.missed || work_.sweep || !work_.messages.empty() || !work_.hosts.empty();
      };
      if (changed_.wait_until(lock, until, any)) changed_.wait_for(lock, kLinger, [&] { return work_.closed; });
      Work taken{.closed = work_.closed};
      std::swap(taken, work_);
      work_.closed = taken.closed;
      return taken;
    }

   private:
    static constexpr std::size_t kMost = 10'000;
    template <class F>
    void change(const F& how) {
      {
        const std::lock_guard lock(mutex_);
        how(work_);
      }
      changed_.notify_one();
    }
    std::mutex mutex_;
    std::condition_variable changed_;
    Work work_;
  };

  RulesPtr rules() const {
    const std::lock_guard lock(rules_mutex_);
    return rules_;
  }

  static Result<Draft> checked(Draft draft) {
    draft.name = trim(draft.name);
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
    if (draft.name.empty() || draft.name.size() > 100 || std::ranges::any_of(draft.name, is_control))
      return api::problem(api::kInvalid, "/name", "a name of 1 to 100 bytes without control characters is wanted");
    if (!draft.query.empty() && !draft.condition.empty())
      return api::problem(api::kInvalid, "/condition", "a tag's rule is a query or a condition, not both");
    if (!draft.query.empty() && draft.check_query) TRY(queries::check_sql(draft.query));
    if (draft.condition.empty()) return draft;
    boost::system::error_code failed;
    const auto value = boost::json::parse(draft.condition, failed);
    if (failed) return api::problem(api::kInvalid, "/condition", "is not JSON: " + failed.message());
    TRY(Condition::parse(value));
    draft.condition = boost::json::serialize(value);
    return draft;
  }

  static Result<void> unique_name(const std::string& name, Result<void> written) {
    if (!written && written.error().code == db::kDuplicate)
      return api::problem(api::kConflict, fmt::format("tag «{}»", name), "is there already; choose another name");
    return written;
  }

  static std::optional<TagId> asked_in(std::string_view id, const Rules& rules) {
    if (!id.starts_with(kPrefix)) return std::nullopt;
    id.remove_prefix(kPrefix.size());
    const auto tag = parse<TagId>(take_until(id, ':'));
    const auto revision = parse<std::int64_t>(id);
    const auto* rule = tag ? rules.find(*tag) : nullptr;
    return rule && revision == rule->revision && !rule->query.empty() ? tag : std::nullopt;
  }

  void tell_changed(db::Transaction& transaction) const {
    transaction.notify(std::string(kChannel), "changed " + name_);
  }

  // After a commit of this server's: in effect here at once, and conditions are evaluated from here for all servers.
  void changed_here() {
    if (!reload()) inbox_.miss();
    inbox_.sweep();
  }

  // Reading and taking over is one step, so that what was read later is also taken over later.
  Result<void> reload() {
    std::vector<TagId> changed;
    {
      const std::lock_guard lock(reloading_);
      const auto after = make_rules(TRY(database_.read([](soci::session& sql) { return load_tags(sql); })));
      const auto before = rules();
      for (const auto& tag : after->tags) {
        const auto* old = before->find(tag.id);
        if (!old || old->name != tag.name || old->rank != tag.rank) changed.push_back(tag.id);
      }
      for (const auto& tag : before->tags)
        if (!after->find(tag.id)) changed.push_back(tag.id);
      {
        const std::lock_guard rules_lock(rules_mutex_);
        rules_ = after;
      }
      has_queries_ = after->query_revision > 0;
      if (after->query_revision > before->query_revision) hurry(after->query_revision);
    }
    const std::shared_lock lock(listeners_mutex_);
    for (const auto tag : changed)
      for (const auto& listener : listeners_) listener(tag);
    return {};
  }

  // Hosts that have not answered the rules of this revision are asked now.
  void hurry(std::int64_t revision) {
    std::vector<HostId> behind;
    for (const auto& host : hosts_.all())
      if (rounds_.ended(host->id).revision < revision && rounds_.hurry(host->id)) behind.push_back(host->id);
    if (services_.held_reads && !behind.empty()) services_.held_reads->wake(behind);
  }

  // The worker's thread.
  void run() {
    using std::chrono::steady_clock;
    auto next_sweep = steady_clock::now() + refresh_;
    while (true) {
      const auto work = inbox_.take(next_sweep);
      if (work.closed) return;
      bool reload_wanted = work.missed;
      for (const auto& message : work.messages) reload_wanted |= handle(message);
      if (reload_wanted && !reload()) retry([&] { inbox_.miss(); });
      take_in(work.hosts);
      const bool timely = steady_clock::now() >= next_sweep;
      if (timely) next_sweep = steady_clock::now() + refresh_;
      const auto evaluated = work.sweep ? evaluate(hosts_.all(), false)
                             : timely   ? evaluate(hosts_.all(), true)
                                        : evaluate(found(work.hosts), true);
      if (!evaluated) retry([&] { inbox_.sweep(); });
    }
  }

  // The database is gone: not at once again.
  template <class F>
  void retry(const F& again) {
    std::this_thread::sleep_for(kRetry);
    again();
  }

  // True: the tags are to be read again.
  bool handle(std::string_view message) {
    const auto verb = take_field(message);
    if (take_field(message) == name_) return false;
    if (verb != "rounds") return verb == "changed";
    const auto ended = parse<std::int64_t>(take_field(message));
    const auto revision = parse<std::int64_t>(take_field(message));
    while (ended && revision) {
      const auto host = parse<HostId>(take_field(message));
      if (!host) break;
      rounds_.finish(*host, Timestamp{*ended}, *revision);
    }
    return false;
  }

  // Hosts that are new, or enrolled anew, are asked at once.
  void take_in(const std::unordered_set<HostId>& changed) {
    std::vector<HostId> to_ask;
    for (const auto id : changed) {
      const auto host = hosts_.find(id);
      if (!host) {
        rounds_.forget(id);
      } else if (!rounds_.knows(id)) {
        rounds_.start(id, {}, services_.clock());
        to_ask.push_back(id);
      } else if (rounds_.hurry_after(id, host->enrolled_again)) {
        to_ask.push_back(id);
      }
    }
    if (has_queries_ && services_.held_reads && !to_ask.empty()) services_.held_reads->wake(to_ask);
  }

  std::vector<HostPtr> found(const std::unordered_set<HostId>& ids) const {
    std::vector<HostPtr> found;
    for (const auto id : ids)
      if (auto host = hosts_.find(id)) found.push_back(std::move(host));
    return found;
  }

  // Holds conditions against hosts. `only_where_different`: memory is believed where a host has the tag and should, or
  // has it not and should not; why it has it is not looked at.
  Result<void> evaluate(std::vector<HostPtr> hosts, bool only_where_different) {
    const auto rules = this->rules();
    if (rules->conditions.empty()) return {};
    if (only_where_different)
      std::erase_if(hosts, [&](const HostPtr& host) {
        return std::ranges::all_of(rules->conditions, [&](const auto& rule) {
          return rule.second.holds(*host) == std::ranges::binary_search(host->tags, rule.first);
        });
      });
    for (std::span<const HostPtr> rest = hosts; !rest.empty();) {
      const auto some = rest.first(std::min(kHostsAtOnce, rest.size()));
      rest = rest.subspan(some.size());
      std::vector<TagChange> wanted;
      for (const auto& host : some)
        for (const auto& [tag, condition] : rules->conditions)
          wanted.push_back({host->id, tag, condition.holds(*host)});
      TRY(apply(wanted, [](db::Transaction&) -> Result<void> { return {}; }));
    }
    return {};
  }

  // Makes hosts have these tags by rule, or not, where that is different, together with `more`.
  template <class F>
  Result<void> apply(const std::vector<TagChange>& wanted, const F& more) {
    std::vector<HostId> ids;
    for (const auto& change : wanted)
      if (ids.empty() || ids.back() != change.host) ids.push_back(change.host);
    std::set<std::pair<HostId, TagId>> given;
    for (const auto& reason : TRY(hosts_.tag_reasons(ids)))
      if (reason.origin == hosts::Origin::rule) given.emplace(reason.host, reason.tag);
    std::vector<TagChange> changes;
    std::vector<HostId> changed;
    for (const auto& change : wanted) {
      if (given.contains({change.host, change.tag}) == change.has) continue;
      changes.push_back(change);
      changed.push_back(change.host);
    }
    auto written = database_.write([&](db::Transaction& transaction) -> Result<void> {
      if (!changes.empty()) TRY(hosts_.change_tags(transaction, hosts::Origin::rule, changes, services_.clock()));
      return more(transaction);
    });
    TRY(written);
    hosts_.reload(changed);
    return {};
  }

  // On the group's thread.
  Result<void> keep(std::span<Evaluation> items) {
    std::vector<TagChange> wanted;
    for (const auto& item : items)
      for (const auto& verdict : item.verdicts)
        if (verdict.error.empty()) wanted.push_back({item.round.host, verdict.tag, verdict.has});
    TRY(apply(wanted, [&](db::Transaction& transaction) -> Result<void> {
      for (const auto& item : items) write(transaction.sql(), item);
      tell_rounds(transaction, items);
      return {};
    }));
    for (const auto& item : items) {
      failed_answers_ += static_cast<std::uint64_t>(
          std::ranges::count_if(item.verdicts, [](const auto& verdict) { return !verdict.error.empty(); }));
      if (item.round.revision == 0) continue;
      ++ended_;
      rounds_.finish(item.round.host, item.round.ended, item.round.revision);
    }
    return {};
  }

  static void write(soci::session& sql, const Evaluation& item) {
    std::vector<TagId> good;
    for (const auto& verdict : item.verdicts) {
      if (verdict.error.empty())
        good.push_back(verdict.tag);
      else
        write_fault(sql, {verdict.tag, item.round.host, item.round.ended, verdict.error});
    }
    delete_faults(sql, item.round.host, good);
    if (item.round.revision != 0) write_round(sql, item.round);
  }

  void tell_rounds(db::Transaction& transaction, std::span<Evaluation> items) const {
    std::map<std::pair<std::int64_t, std::int64_t>, std::vector<HostId>> rounds;
    for (const auto& item : items)
      if (item.round.revision != 0) rounds[{item.round.ended.ms, item.round.revision}].push_back(item.round.host);
    for (const auto& [when, hosts] : rounds) {
      for (std::span<const HostId> rest = hosts; !rest.empty();) {
        const auto some = rest.first(std::min(kHostsAMessage, rest.size()));
        rest = rest.subspan(some.size());
        transaction.notify(std::string(kChannel),
                           fmt::format("rounds {} {} {} {}", name_, when.first, when.second, fmt::join(some, " ")));
      }
    }
  }

  const Services& services_;
  db::Database& database_;
  hosts::Service& hosts_;
  // Tells this server's messages from others'.
  const std::string name_ = hex(random_bytes(8));
  Inbox inbox_;
  hosts::Rounds rounds_;
  const std::chrono::seconds refresh_;
  mutable std::mutex rules_mutex_;
  RulesPtr rules_ = std::make_shared<const Rules>();
  std::atomic<bool> has_queries_ = false;
  std::mutex reloading_;
  mutable std::shared_mutex listeners_mutex_;
  std::vector<Uses> users_;
  std::vector<std::function<void(TagId)>> listeners_;
  std::atomic<std::uint64_t> ended_{0}, failed_answers_{0}, dropped_answers_{0};
  std::unique_ptr<db::GroupCommit<Evaluation>> evaluations_;
  std::thread worker_;
  db::Listening listening_;
};

}  // namespace

Result<std::unique_ptr<Service>> start(const Services& services, Options options) {
  auto service = std::make_unique<TagService>(services, options);
  TRY(service->start());
  return service;
}

}  // namespace osprey::server::tags
