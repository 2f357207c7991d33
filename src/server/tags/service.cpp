#include "server/tags/service.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <soci/soci.h>

#include <algorithm>
#include <boost/json.hpp>
#include <shared_mutex>
#include <thread>
#include <unordered_set>

#include "base/text.h"
#include "server/activity/activity.h"
#include "server/api/problem.h"
#include "server/db/listening.h"
#include "server/queries/sql_check.h"
#include "server/secret.h"
#include "server/tags/inbox.h"
#include "server/tags/query_rules.h"
#include "server/tags/records.h"
#include "server/tags/rule_tags.h"
#include "server/tags/rules.h"

namespace osprey::server::tags {
namespace {

using hosts::HostId;
using hosts::HostPtr;
using hosts::TagChange;

constexpr std::size_t kMostTags = 1000;
constexpr std::chrono::milliseconds kRetry{500};

std::string subject_of(const Tag& tag) { return activity::subject("tag", tag.id, tag.name); }

class TagService final : public Service {
 public:
  TagService(const Services& services, Options options)
      : services_(services),
        database_(*services.database),
        hosts_(hosts::service(services)),
        book_(database_, [this](std::int64_t revision) { query_rules_.hurry(revision); }),
        rule_tags_(services),
        query_rules_(services, book_, rule_tags_, name_, options.refresh),
        refresh_(options.refresh) {}

  ~TagService() override {
    inbox_.close();
    if (worker_.joinable()) worker_.join();
  }

  Result<void> start() {
    listening_.listen(
        database_, std::string(QueryRules::kChannel), [this](const std::string& payload) { inbox_.message(payload); },
        [this] { inbox_.miss(); });
    hosts_.add_listener(listening_.while_there([this](HostId host) { inbox_.host(host); }));
    hosts_.add_remover([](db::Transaction& transaction, HostId host) -> Result<void> {
      forget_host(transaction.sql(), host);
      return {};
    });
    TRY(query_rules_.start());
    TRY(book_.reload());
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
    const std::unique_lock lock(users_mutex_);
    users_.push_back(std::move(uses));
  }

  void add_listener(std::function<void(TagId)> listener) override { book_.add_listener(std::move(listener)); }

  // agents::QuerySource

  std::string_view prefix() const override { return QueryRules::kPrefix; }

  bool has(HostId host) const override { return query_rules_.has(host); }

  void take(HostId host, std::vector<agents::Ask>& asks, std::uint32_t&) override { query_rules_.take(host, asks); }

  void accept(HostId host, std::vector<agents::Answer> answers,
              std::function<void(const Result<void>&)> done) override {
    query_rules_.accept(host, answers, std::move(done));
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
      activity::record(transaction, caller, now, {.verb = "tag.removed", .subject = subject_of(tag), .details = {}});
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
      const std::shared_lock lock(users_mutex_);
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

  Evaluated evaluated(HostId host) const override { return query_rules_.evaluated(host); }

  Counts counts() const override { return query_rules_.counts(); }

 private:
  RulesPtr rules() const { return book_.rules(); }

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

  void tell_changed(db::Transaction& transaction) const {
    transaction.notify(std::string(QueryRules::kChannel), "changed " + name_);
  }

  // After a commit of this server's: in effect here at once, and conditions are evaluated from here for all servers.
  void changed_here() {
    if (!book_.reload()) inbox_.miss();
    inbox_.sweep();
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
      if (reload_wanted && !book_.reload()) retry([&] { inbox_.miss(); });
      query_rules_.take_in(work.hosts);
      const bool timely = steady_clock::now() >= next_sweep;
      if (timely) next_sweep = steady_clock::now() + refresh_;
      const auto evaluated = rule_tags_.evaluate(*rules(), work.sweep || timely ? hosts_.all() : found(work.hosts),
                                                 /*only_where_different=*/!work.sweep);
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
    if (verb == "rounds") query_rules_.heard(message);
    return verb == "changed";
  }

  std::vector<HostPtr> found(const std::unordered_set<HostId>& ids) const {
    std::vector<HostPtr> found;
    for (const auto id : ids)
      if (auto host = hosts_.find(id)) found.push_back(std::move(host));
    return found;
  }

  const Services& services_;
  db::Database& database_;
  hosts::Service& hosts_;
  // Tells this server's messages from others'.
  const std::string name_ = hex(random_bytes(8));
  Inbox inbox_;
  RuleBook book_;
  RuleTags rule_tags_;
  QueryRules query_rules_;
  const std::chrono::seconds refresh_;
  mutable std::shared_mutex users_mutex_;
  std::vector<Uses> users_;
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
