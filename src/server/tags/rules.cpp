#include "server/tags/rules.h"

#include <algorithm>
#include <boost/json.hpp>

#include "server/tags/records.h"

namespace osprey::server::tags {
namespace {

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

}  // namespace

const Tag* Rules::find(TagId id) const {
  const auto found = std::ranges::find(tags, id, &Tag::id);
  return found == tags.end() ? nullptr : &*found;
}

RulesPtr RuleBook::rules() const {
  const std::lock_guard lock(rules_mutex_);
  return rules_;
}

// Reading and taking over is one step, so that what was read later is also taken over later.
Result<void> RuleBook::reload() {
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
    if (after->query_revision > before->query_revision) newer_queries_(after->query_revision);
  }
  const std::shared_lock lock(listeners_mutex_);
  for (const auto tag : changed)
    for (const auto& listener : listeners_) listener(tag);
  return {};
}

void RuleBook::add_listener(std::function<void(TagId)> listener) {
  const std::unique_lock lock(listeners_mutex_);
  listeners_.push_back(std::move(listener));
}

}  // namespace osprey::server::tags
