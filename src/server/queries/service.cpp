#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <shared_mutex>

#include "net/gzip.h"
#include "server/activity/activity.h"
#include "server/api/problem.h"
#include "server/db/listening.h"
#include "server/queries/check.h"
#include "server/queries/queries.h"
#include "server/queries/records.h"
#include "server/secret.h"

namespace osprey::server::queries {
namespace {

namespace json = boost::json;

constexpr std::string_view kChannel = "queries";
constexpr std::size_t kShownHosts = 100;
constexpr std::size_t kLargestReply = 4 << 20;  // bytes that a host takes as configuration

std::shared_ptr<const Composed> made_of(json::object document) {
  auto made = std::make_shared<Composed>();
  // Sixteen bytes tell any two configurations apart, and are never "ok".
  made->etag = sha256_hex(json::serialize(document)).substr(0, 32);
  document["etag"] = made->etag;
  auto text = json::serialize(document);
  made->gzip_reply = std::make_shared<const std::string>(net::gzipped(text));
  made->reply = std::make_shared<const std::string>(std::move(text));
  return made;
}

std::string title(Kind kind, const std::string& name) { return fmt::format("{} {}", api::name_of(kind), name); }

std::unexpected<Error> none(Kind kind, const std::string& name) {
  return api::problem(api::kNotFound, title(kind, name), "there is none");
}

class Service final : public Queries {
 public:
  explicit Service(Parts parts) : parts_(parts) {}

  Result<void> start() {
    const auto changed = [this] { forget(); };
    listening_.listen(parts_.database, std::string(kChannel), [changed](const std::string&) { changed(); }, changed);
    parts_.tags.add_listener(listening_.while_there([changed](hosts::TagId) { changed(); }));
    parts_.tags.add_user([this](hosts::TagId tag) { return uses(tag); });
    TRY(items());
    return {};
  }

  std::shared_ptr<const Composed> recall(const hosts::Host& host) const override {
    const std::shared_lock lock(mutex_);
    const auto found = composed_.find(host.tags);
    return found == composed_.end() ? nullptr : found->second;
  }

  Result<std::shared_ptr<const Composed>> compose(const hosts::Host& host) override {
    const auto generation = generation_now();
    const auto items = TRY(this->items());
    auto made = made_of(queries::compose(*items, host.tags, order()).document);
    const std::unique_lock lock(mutex_);
    // A change that came in between has its own.
    if (generation == generation_) composed_.insert_or_assign(host.tags, made);
    return made;
  }

  Result<Composition> explain(const hosts::Host& host) override {
    const auto items = TRY(this->items());
    return queries::compose(*items, host.tags, order());
  }

  Result<std::vector<Item>> list(std::optional<Kind> kind) override {
    const auto items = TRY(this->items());
    std::vector<Item> found;
    for (const auto& assigned : *items)
      if (!kind || assigned.item.kind == *kind) found.push_back(with_names(assigned));
    return found;
  }

  Result<Item> find(Kind kind, const std::string& name) override {
    const auto items = TRY(this->items());
    for (const auto& assigned : *items)
      if (assigned.item.kind == kind && assigned.item.name == name) return with_names(assigned);
    return none(kind, name);
  }

  Result<std::vector<Item>> history(Kind kind, const std::string& name) override {
    const auto found = TRY(versions(parts_.database, kind, name));
    if (found.empty()) return none(kind, name);
    std::vector<Item> items;
    for (const auto& assigned : found) items.push_back(with_names(assigned));
    return items;
  }

  Result<Saved> save(const Draft& draft, const identity::Caller& caller, Timestamp now) override {
    auto warnings = TRY(check(draft));
    auto assigned = TRY(assigned_of(draft));
    TRY(fits_everywhere(assigned));
    assigned.item.changed_at = now;
    assigned.item.changed_by = caller.name;
    assigned.item.version = TRY(add(assigned, draft.over_version, caller, "saved"));
    return Saved{with_names(assigned), std::move(warnings)};
  }

  Result<void> remove(Kind kind, const std::string& name, const identity::Caller& caller, Timestamp now) override {
    auto removed = TRY(newest(kind, name));
    if (removed.item.deleted) return none(kind, name);
    removed.item.deleted = true;
    removed.item.changed_at = now;
    removed.item.changed_by = caller.name;
    TRY(add(removed, std::nullopt, caller, "removed"));
    return {};
  }

  Result<Item> roll_back(Kind kind, const std::string& name, std::int64_t version, const identity::Caller& caller,
                         Timestamp now) override {
    auto known = TRY(versions(parts_.database, kind, name));
    for (auto& assigned : known) {
      if (assigned.item.version != version) continue;
      if (assigned.item.deleted)
        return api::problem(api::kConflict, fmt::format("version {}", version),
                            "is the item's removal; remove it instead");
      TRY(fits_everywhere(assigned));
      assigned.item.changed_at = now;
      assigned.item.changed_by = caller.name;
      assigned.item.version = TRY(add(assigned, std::nullopt, caller, "rolled_back"));
      return with_names(assigned);
    }
    return api::problem(api::kNotFound, fmt::format("{}, version {}", title(kind, name), version), "there is none");
  }

  Result<Effect> try_out(Kind kind, const std::string& name, const std::optional<Draft>& draft,
                         std::optional<hosts::HostId> shown) override {
    Effect effect;
    const auto before = TRY(items());
    auto after = *before;
    std::erase_if(after, [&](const Assigned& each) { return each.item.kind == kind && each.item.name == name; });
    if (draft) {
      effect.warnings = TRY(check(*draft));
      after.push_back(TRY(assigned_of(*draft)));
    } else if (after.size() == before->size()) {
      return none(kind, name);
    }
    const auto order = this->order();
    if (shown) {
      const auto host = parts_.hosts.find(*shown);
      if (!host) return api::problem(api::kNotFound, fmt::format("host {}", *shown), "there is none");
      effect.configuration = queries::compose(after, host->tags, order).document;
    }
    std::map<std::vector<hosts::TagId>, bool> differs;  // by tags: hosts with the same have the same
    for (const auto& host : parts_.hosts.all()) {
      const auto [known, fresh] = differs.try_emplace(host->tags);
      if (fresh)
        known->second = queries::compose(*before, host->tags, order).document !=
                        queries::compose(after, host->tags, order).document;
      ++(known->second ? effect.changed : effect.unchanged);
      if (known->second && effect.hosts.size() < kShownHosts) effect.hosts.push_back({host->id, host->name});
    }
    return effect;
  }

 private:
  using Items = std::shared_ptr<const std::vector<Assigned>>;

  std::uint64_t generation_now() const {
    const std::shared_lock lock(mutex_);
    return generation_;
  }

  // Something has changed, here or through another server.
  void forget() {
    const std::unique_lock lock(mutex_);
    ++generation_;
    composed_.clear();
    items_.reset();
  }

  Result<Items> items() const {
    std::uint64_t generation = 0;
    {
      const std::shared_lock lock(mutex_);
      if (items_) return items_;
      generation = generation_;
    }
    auto read = std::make_shared<const std::vector<Assigned>>(TRY(current(parts_.database)));
    const std::unique_lock lock(mutex_);
    if (generation == generation_) items_ = read;
    return read;
  }

  std::vector<OrderedTag> order() const {
    std::vector<OrderedTag> tags;
    for (auto& tag : parts_.tags.all()) tags.push_back({tag.id, std::move(tag.name)});
    return tags;
  }

  Result<std::vector<std::string>> uses(hosts::TagId tag) const {
    const auto items = TRY(this->items());
    std::vector<std::string> users;
    for (const auto& assigned : *items)
      if (std::ranges::find(assigned.tags, tag) != assigned.tags.end())
        users.push_back(title(assigned.item.kind, assigned.item.name));
    return users;
  }

  Item with_names(const Assigned& assigned) const {
    auto item = assigned.item;
    item.tags.clear();
    for (const auto& tag : parts_.tags.all())
      if (std::ranges::find(assigned.tags, tag.id) != assigned.tags.end()) item.tags.push_back(tag.name);
    return item;
  }

  Result<Assigned> assigned_of(const Draft& draft) const {
    Assigned made;
    for (const auto& name : draft.tags) made.tags.push_back(TRY(parts_.tags.by_name(name)));
    std::ranges::sort(made.tags);
    made.tags.erase(std::ranges::unique(made.tags).begin(), made.tags.end());
    made.item = {.kind = draft.kind,
                 .name = draft.name,
                 .description = draft.description,
                 .content = draft.content,
                 .tags = {},
                 .enabled = draft.enabled,
                 .changed_at = {},
                 .changed_by = {}};
    return made;
  }

  // No host would refuse its configuration for its size. Checked with every item for everybody: the most there can be.
  Result<void> fits_everywhere(const Assigned& added) const {
    const auto items = TRY(this->items());
    std::size_t bytes = json::serialize(added.item.content).size();
    for (const auto& assigned : *items)
      if (assigned.item.kind != added.item.kind || assigned.item.name != added.item.name)
        bytes += json::serialize(assigned.item.content).size();
    if (bytes > kLargestReply)
      return api::problem(api::kInvalid, "content",
                          fmt::format("hosts take {} MiB of configuration, all items would have {} MiB",
                                      kLargestReply >> 20, (bytes >> 20) + 1));
    return {};
  }

  Result<Assigned> newest(Kind kind, const std::string& name) const {
    auto found = TRY(versions(parts_.database, kind, name));
    if (found.empty()) return none(kind, name);
    return std::move(found.front());
  }

  Result<std::int64_t> add(const Assigned& assigned, std::optional<std::int64_t> over, const identity::Caller& caller,
                           std::string_view verb) {
    const auto& item = assigned.item;
    auto made = parts_.database.write([&](db::Transaction& transaction) -> Result<std::int64_t> {
      const auto now = version_now(transaction, item.kind, item.name);
      if (over && *over != now)
        return api::problem(api::kConflict, title(item.kind, item.name),
                            fmt::format("has version {} by now, not {}; look at it again", now, *over));
      add_version(transaction, assigned, now);
      activity::record(transaction, caller, item.changed_at,
                       {.verb = fmt::format("{}.{}", api::name_of(item.kind), verb),
                        .subject = title(item.kind, item.name),
                        .details = {{"version", now + 1}}});
      transaction.notify(std::string(kChannel), fmt::format("{} {}", api::name_of(item.kind), item.name));
      return now + 1;
    });
    if (made) forget();
    return made;
  }

  const Parts parts_;
  mutable std::shared_mutex mutex_;
  std::uint64_t generation_ = 0;
  mutable Items items_;  // none: to be read
  std::map<std::vector<hosts::TagId>, std::shared_ptr<const Composed>> composed_;
  db::Listening listening_;
};

}  // namespace

Result<std::unique_ptr<Queries>> start(Parts parts) {
  auto service = std::make_unique<Service>(parts);
  TRY(service->start());
  return service;
}

}  // namespace osprey::server::queries
