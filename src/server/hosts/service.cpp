#include "server/hosts/service.h"

#include <fmt/format.h>
#include <soci/soci.h>

#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <thread>
#include <unordered_set>

#include "base/text.h"
#include "server/activity/activity.h"
#include "server/api/problem.h"
#include "server/db/group_commit.h"
#include "server/db/listening.h"
#include "server/db/text.h"
#include "server/hosts/detail_queries.h"
#include "server/hosts/inbox.h"
#include "server/hosts/messages.h"
#include "server/hosts/pace.h"
#include "server/hosts/records.h"
#include "server/hosts/refresh.h"
#include "server/hosts/rounds.h"
#include "server/secret.h"

namespace osprey::server::hosts {
namespace {

constexpr std::string_view kPrefix = "detail:";
constexpr std::int64_t kBetweenAnswers = 1000;  // milliseconds; sooner ones are dropped
constexpr int kPage = 5000;                     // hosts loaded or written at once
constexpr std::chrono::seconds kRetry{1};

std::string cut(std::string_view text, std::size_t most) { return std::string(text.substr(0, most)); }

// Ascending, each once.
std::vector<HostId> distinct(std::vector<HostId> hosts) {
  std::ranges::sort(hosts);
  const auto twice = std::ranges::unique(hosts);
  hosts.erase(twice.begin(), twice.end());
  return hosts;
}

class HostService final : public Service {
 public:
  HostService(const Services& services, Options options)
      : services_(services), database_(*services.database), options_(options), rounds_(options.refresh) {}

  ~HostService() override {
    if (keeper_.joinable()) {
      inbox_.close();
      keeper_.join();
    }
    refreshes_.reset();
    (void)flush();
  }

  Result<void> start() {
    listening_.listen(
        database_, std::string(kChannel), [this](const std::string& payload) { inbox_.add(payload); },
        [this] { inbox_.miss(); });
    TRY(load_all());
    refreshes_ = std::make_unique<db::GroupCommit<Refresh>>(
        db::GroupCommit<Refresh>::Options{.most_items = 500, .linger = std::chrono::milliseconds(20)},
        [this](std::span<Refresh> items) { return keep(items); });
    keeper_ = std::thread([this] { run(); });
    return {};
  }

  HostPtr find(HostId host) const override { return roster_.find(host); }

  Result<HostPtr> look_up(HostId host) override {
    if (auto found = find(host)) return found;
    TRY(try_reload({&host, 1}));
    return find(host);
  }

  std::vector<HostPtr> all() const override { return roster_.all(); }

  void seen(HostId host, Sign sign, std::string_view address, Timestamp now) noexcept override {
    roster_.seen(host, sign, address.substr(0, kMostFact), now);
  }

  void given(HostId host, std::string_view etag) noexcept override { roster_.given(host, etag); }

  Result<HostId> add(db::Transaction& transaction, std::string_view identifier, const Details& details,
                     std::span<const TagId> tags, Timestamp now) override {
    Host host{.identifier = cut(identifier, kMostFact), .promise = kUnknownPromise, .enrolled = now};
    host.enrolled_again = now;
    host.name = host.identifier;
    for (const auto& [table, row] : details) hosts::take_over(host, table, row);
    auto& sql = transaction.sql();
    host.id = insert_host(sql, host);
    insert_enrolment(sql, host, now);
    write_details(sql, host.id, details, now);
    for (const auto tag : tags) write_tag(sql, Origin::secret, tag, true, {&host.id, 1}, now);
    tell(transaction, {.verb = Verb::enrolled, .numbers = {host.id}, .from = kNobody});
    return host.id;
  }

  Result<void> enrolled_again(db::Transaction& transaction, HostId id, const Details& details, Timestamp now) override {
    auto& sql = transaction.sql();
    auto records = hold_hosts(sql, database_.dialect(), {&id, 1});
    if (records.empty()) return api::problem(api::kNotFound, fmt::format("host {}", id), "is not there any more");
    auto& host = records.front().host;
    for (const auto& [table, row] : details) hosts::take_over(host, table, row);
    host.enrolled_again = now;
    update_hosts(sql, {&host, 1});
    insert_enrolment(sql, host, now);
    write_details(sql, id, details, now);
    tell(transaction, {.verb = Verb::enrolled, .numbers = {id}, .from = kNobody});
    return {};
  }

  Result<void> change_tags(db::Transaction& transaction, Origin origin, std::span<const TagChange> changes,
                           Timestamp now) override {
    std::map<std::pair<TagId, bool>, std::vector<HostId>> by_tag;
    for (const auto& change : changes) by_tag[{change.tag, change.has}].push_back(change.host);
    std::vector<std::int64_t> changed;
    for (const auto& [tag, hosts] : by_tag) {
      const auto written = write_tag(transaction.sql(), origin, tag.first, tag.second, hosts, now);
      changed.insert(changed.end(), written.begin(), written.end());
    }
    // Whoever changes tags reloads the hosts after the commit; the others, this one too where it did not, are told.
    tell(transaction, {.verb = Verb::changed, .numbers = std::move(changed), .from = kNobody});
    return {};
  }

  Result<void> drop_tag(db::Transaction& transaction, TagId tag, std::optional<Origin> origin) override {
    delete_tag(transaction.sql(), tag, origin);
    tell(transaction, {.verb = Verb::tag, .numbers = {tag}, .from = kNobody});
    return {};
  }

  void add_listener(std::function<void(HostId)> changed) override {
    const std::unique_lock lock(listeners_mutex_);
    listeners_.push_back(std::move(changed));
  }

  void add_remover(std::function<Result<void>(db::Transaction&, HostId)> remover) override {
    const std::unique_lock lock(listeners_mutex_);
    removers_.push_back(std::move(remover));
  }

  // agents::QuerySource

  std::string_view prefix() const override { return kPrefix; }

  bool has(HostId host) const override {
    const auto now = services_.clock();
    return rounds_.due(host, now) && pace_.may(now);
  }

  void take(HostId host, std::vector<agents::Ask>& asks, std::uint32_t&) override {
    const auto now = services_.clock();
    if (!rounds_.due(host, now) || !pace_.begin(now) || !rounds_.ask(host, now)) return;
    for (const auto& query : detail_queries())
      asks.push_back({.id = std::string(kPrefix) + std::string(query.name),
                      .sql = std::string(query.sql),
                      .discovery = std::string(query.discovery)});
  }

  void accept(HostId host, std::vector<agents::Answer> answers,
              std::function<void(const Result<void>&)> done) override {
    const auto now = services_.clock();
    const auto before = rounds_.ended(host).at;
    Refresh refresh{.host = host, .at = now};
    for (auto& answer : answers) {
      const auto* query =
          answer.id.starts_with(kPrefix) ? detail_query(std::string_view(answer.id).substr(kPrefix.size())) : nullptr;
      const auto twice =
          query && std::ranges::find(refresh.parts, query->name, &Refresh::Part::query) != refresh.parts.end();
      if (!query || twice || std::abs(now.ms - before.ms) < kBetweenAnswers)
        ++dropped_answers_;
      else
        refresh.parts.push_back(part_of(std::move(answer), *query));
    }
    if (refresh.parts.empty()) return done({});
    const auto known = look_up(host);
    if (!known) return done(std::unexpected(known.error()));
    if (!*known) return done({});
    pace_.waits();
    const auto written = [this, done](const Result<void>& result) {
      pace_.written();
      done(result);
    };
    if (!refreshes_->add(std::move(refresh), written))
      written(std::unexpected(Error{db::kUnavailable, "details", "too many are waiting to be written"}));
  }

  // Service

  const Roster& roster() const override { return roster_; }
  const Options& options() const override { return options_; }
  Timestamp refreshed(HostId host) const override { return rounds_.ended(host).at; }

  Result<void> refresh(std::span<const HostId> hosts, const identity::Caller& caller, Timestamp now) override {
    const auto known = those_known(hosts);
    if (known.empty()) return {};
    TRY(database_.write([&](db::Transaction& transaction) -> Result<void> {
      activity::record(transaction, caller, now,
                       {.verb = "host.refreshed", .subject = subject_of(known), .details = {}});
      tell(transaction, {.verb = Verb::hurry, .numbers = known, .from = name_});
      return {};
    }));
    hurry(known);
    return {};
  }

  Result<std::int64_t> remove(std::span<const HostId> hosts, const identity::Caller& caller, Timestamp now) override {
    const auto known = those_known(hosts);
    std::int64_t removed = 0;
    for (const auto host : known) {
      removed += TRY(remove(host, caller, now));
      forget(host);
    }
    return removed;
  }

  Result<std::vector<TagReason>> tag_reasons(std::span<const HostId> hosts) override {
    return database_.read([&](soci::session& sql) { return load_tag_reasons(sql, hosts); });
  }

  void reload(std::span<const HostId> hosts) override {
    if (!try_reload(hosts)) inbox_.again({.verb = Verb::changed, .numbers = {hosts.begin(), hosts.end()}});
  }

  void reload_tag(TagId tag) override {
    if (!try_reload_tag(tag)) inbox_.again({.verb = Verb::tag, .numbers = {tag}});
  }

  Result<void> flush() override {
    auto changes = roster_.take_seen();
    for (std::size_t at = 0; at < changes.size(); at += kPage) {
      const auto part = std::span(changes).subspan(at, std::min<std::size_t>(kPage, changes.size() - at));
      auto written = database_.write([&](db::Transaction& transaction) -> Result<void> {
        write_seen(transaction.sql(), part);
        // With SQLite there is nobody else to tell.
        if (database_.dialect() == db::Dialect::postgresql)
          for (auto& message : messages_of(part)) tell(transaction, std::move(message));
        return {};
      });
      if (!written) {
        ++failed_flushes_;
        roster_.put_back({changes.begin() + static_cast<std::ptrdiff_t>(at), changes.end()});
        return written;
      }
      flushed_ += part.size();
      std::vector<HostId> moved;
      for (const auto& change : part)
        if (!change.address.empty()) moved.push_back(change.host);
      reload(moved);
    }
    return {};
  }

  Counts counts() const override {
    return {.refreshed = refreshed_,
            .failed_answers = failed_answers_,
            .dropped_answers = dropped_answers_,
            .flushed = flushed_,
            .failed_flushes = failed_flushes_};
  }

 private:
  // In a transaction of its own: others write between one and the next.
  Result<bool> remove(HostId host, const identity::Caller& caller, Timestamp now) {
    return database_.write([&](db::Transaction& transaction) -> Result<bool> {
      const std::shared_lock lock(listeners_mutex_);
      for (const auto& remover : removers_) TRY(remover(transaction, host));
      if (!delete_host(transaction.sql(), host)) return false;
      activity::record(transaction, caller, now,
                       {.verb = "host.removed", .subject = subject_of({host}), .details = {}});
      tell(transaction, {.verb = Verb::gone, .numbers = {host}, .from = name_});
      return true;
    });
  }

  void tell(db::Transaction& transaction, Message message) const {
    if (message.from.empty()) message.from = name_;
    for (auto& payload : payloads(message)) transaction.notify(std::string(kChannel), std::move(payload));
  }

  // The keeper's thread: takes over what others changed, and flushes.
  void run() {
    using std::chrono::steady_clock;
    auto next_flush = steady_clock::now() + options_.flush;
    while (true) {
      auto taken = inbox_.take(std::min(next_flush, steady_clock::now() + kRetry));
      if (taken.closed) return;
      if (taken.missed && !load_all()) inbox_.miss(), std::this_thread::sleep_for(kRetry);
      std::vector<HostId> changed;
      const auto act = [&](const Message& message) {
        if (message.verb == Verb::changed || message.verb == Verb::enrolled)
          changed.insert(changed.end(), message.numbers.begin(), message.numbers.end());
        handle(message);
      };
      for (const auto& message : taken.failed) act(message);
      for (const auto& payload : taken.payloads)
        if (const auto message = read_message(payload); message && message->from != name_) act(*message);
      reload(changed);
      hurry(std::exchange(enrolled_, {}));
      if (steady_clock::now() < next_flush) continue;
      (void)flush();
      next_flush = steady_clock::now() + options_.flush;
    }
  }

  void handle(const Message& message) {
    switch (message.verb) {
      case Verb::changed:
        return;
      case Verb::enrolled:
        enrolled_.insert(enrolled_.end(), message.numbers.begin(), message.numbers.end());
        return;
      case Verb::gone:
        for (const auto host : message.numbers) forget(host);
        return;
      case Verb::hurry:
        return hurry(message.numbers);
      case Verb::tag:
        for (const auto tag : message.numbers) reload_tag(tag);
        return;
      case Verb::refreshed:
        for (const auto host : message.numbers) rounds_.finish(host, services_.clock());
        return;
      case Verb::seen:
        for (const auto& sighting : sightings_of(message)) roster_.merge(sighting.host, sighting.sign, sighting.at);
        return;
    }
  }

  void hurry(std::span<const HostId> hosts) {
    for (const auto host : hosts) rounds_.hurry(host);
    if (services_.held_reads) services_.held_reads->wake(hosts);
  }

  std::vector<HostId> those_known(std::span<const HostId> hosts) const {
    std::vector<HostId> known;
    for (const auto host : hosts)
      if (find(host)) known.push_back(host);
    return distinct(std::move(known));
  }

  std::string subject_of(const std::vector<HostId>& hosts) const {
    if (hosts.size() != 1) return fmt::format("{} hosts", hosts.size());
    const auto host = find(hosts.front());
    return activity::subject("host", hosts.front(), host ? host->name : "");
  }

  static void write_details(soci::session& sql, HostId host, const Details& details, Timestamp now) {
    std::vector<std::string> answers;
    answers.reserve(details.size());
    std::vector<DetailChange> changes;
    for (const auto& [table, row] : details) {
      if (!detail_query(table)) continue;
      boost::json::object object;
      for (const auto& [column, value] : row) object[db::storable(column)] = db::storable(value);
      auto text = boost::json::serialize(boost::json::array{std::move(object)});
      if (text.size() > kMostAnswer) continue;
      answers.push_back(std::move(text));
      changes.push_back({.host = host, .query = table, .rows = answers.back(), .error = {}, .at = now});
    }
    hosts::write_details(sql, changes);
  }

  // Reading and taking over is one step, so that what was read later is also taken over later.

  Result<void> try_reload(std::span<const HostId> hosts) {
    for (std::size_t at = 0; at < hosts.size(); at += kPage) {
      const auto part = hosts.subspan(at, std::min<std::size_t>(kPage, hosts.size() - at));
      const std::lock_guard lock(reloading_);
      auto records = TRY(database_.read([&](soci::session& sql) { return load_hosts(sql, part); }));
      std::unordered_set<HostId> missing(part.begin(), part.end());
      for (auto& record : records) {
        missing.erase(record.host.id);
        take_in(std::move(record));
      }
      for (const auto host : missing) forget(host);
    }
    return {};
  }

  Result<void> try_reload_tag(TagId tag) {
    auto members = TRY(database_.read([&](soci::session& sql) { return load_members(sql, tag); }));
    roster_.visit([&](const HostPtr& host, const Signs&) {
      if (std::ranges::binary_search(host->tags, tag)) members.push_back(host->id);
    });
    return try_reload(distinct(std::move(members)));
  }

  Result<void> load_all() {
    std::unordered_set<HostId> gone;
    for (const auto& host : all()) gone.insert(host->id);
    HostId last = 0;
    while (true) {
      const std::lock_guard lock(reloading_);
      auto records = TRY(database_.read([&](soci::session& sql) { return load_page(sql, last, kPage); }));
      if (records.empty()) break;
      last = records.back().host.id;
      for (auto& record : records) {
        gone.erase(record.host.id);
        take_in(std::move(record));
      }
    }
    for (const auto host : gone) forget(host);
    return {};
  }

  void take_in(Record record) {
    const auto id = record.host.id;
    const bool known = find(id) != nullptr;
    if (!known) rounds_.start(id, record.details, services_.clock());
    if (known)
      for (std::size_t i = 0; i < kSigns; ++i) roster_.merge(id, static_cast<Sign>(i), Timestamp{record.signs[i]});
    if (roster_.put(std::make_shared<const Host>(std::move(record.host)), record.signs)) tell_listeners(id);
  }

  void forget(HostId host) {
    rounds_.forget(host);
    if (roster_.erase(host)) tell_listeners(host);
  }

  void tell_listeners(HostId host) const {
    const std::shared_lock lock(listeners_mutex_);
    for (const auto& listener : listeners_) listener(host);
  }

  // On the group's thread.
  Result<void> keep(std::span<Refresh> items) {
    std::vector<HostId> ids;
    for (const auto& item : items) ids.push_back(item.host);
    ids = distinct(std::move(ids));

    std::vector<HostId> changed;
    TRY(database_.write([&](db::Transaction& transaction) -> Result<void> {
      changed = write_refreshes(transaction.sql(), database_.dialect(), items, ids, options_.health);
      tell(transaction, {.verb = Verb::refreshed, .numbers = ids, .from = name_});
      tell(transaction, {.verb = Verb::changed, .numbers = changed, .from = name_});
      return {};
    }));
    for (const auto& item : items) {
      rounds_.finish(item.host, item.at);
      failed_answers_ += static_cast<std::uint64_t>(std::ranges::count_if(item.parts, &Refresh::Part::failed));
    }
    refreshed_ += items.size();
    reload(changed);
    return {};
  }

  const Services& services_;
  db::Database& database_;
  const Options options_;
  // Tells this server's messages from others'.
  const std::string name_ = hex(random_bytes(8));
  Inbox inbox_;
  Roster roster_;
  Rounds rounds_;
  Pace pace_;
  std::mutex reloading_;
  mutable std::shared_mutex listeners_mutex_;
  std::vector<std::function<void(HostId)>> listeners_;
  std::vector<std::function<Result<void>(db::Transaction&, HostId)>> removers_;
  std::atomic<std::uint64_t> refreshed_{0}, failed_answers_{0}, dropped_answers_{0}, flushed_{0}, failed_flushes_{0};
  std::unique_ptr<db::GroupCommit<Refresh>> refreshes_;
  std::vector<HostId> enrolled_;  // of the keeper's round
  std::thread keeper_;
  db::Listening listening_;
};

}  // namespace

Result<HostPtr> Hosts::existing(HostId host) {
  auto found = TRY(look_up(host));
  if (!found) return api::problem(api::kNotFound, fmt::format("host {}", host), "is not there");
  return found;
}

Result<std::unique_ptr<Service>> start(const Services& services, Options options) {
  auto service = std::make_unique<HostService>(services, options);
  TRY(service->start());
  return service;
}

}  // namespace osprey::server::hosts
